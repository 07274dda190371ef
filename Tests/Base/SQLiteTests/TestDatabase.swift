import Foundation
import SQLite

/// A folder of a test's own, with a database's file in it.
final class TestDatabase {
    let folder: URL
    var path: String { folder.appending(path: "test.sqlite").path(percentEncoded: false) }

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "kbs-sqlite-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// What is in the folder.
    var files: Set<String> {
        get throws { Set(try FileManager.default.contentsOfDirectory(atPath: folder.path(percentEncoded: false))) }
    }

    func open(_ change: (inout Configuration) -> Void = { _ in }) throws -> Database {
        var configuration = Configuration()
        change(&configuration)
        return try Database(path: path, configuration: configuration)
    }
}

/// The error by which a database refuses something; nil when it does not. For use inside of an expectation.
func refusal(_ body: () throws -> Void) -> DatabaseError? {
    do {
        try body()
        return nil
    } catch { return error as? DatabaseError }
}
