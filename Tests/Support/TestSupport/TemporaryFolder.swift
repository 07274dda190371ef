public import Foundation

/// A folder that goes away.
public final class TemporaryFolder: Sendable {
    public let url: URL

    public init() throws {
        url = FileManager.default.temporaryDirectory.appending(path: "kbs-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    public func file(_ name: String) -> URL { url.appending(path: name) }

    /// Makes a program that can be run at once.
    ///
    /// A child writes it: were it open for writing here, another test's child could inherit that, and the program could
    /// not be started ("Text file busy") until that child has become another program.
    public func program(_ name: String, copying source: URL) async throws -> URL {
        let program = file(name)
        let copy = SpawnedProcess.Plan(
            URL(filePath: "/bin/sh"),
            ["-c", #"cp "$0" "$1" && chmod 755 "$1""#, source.path(percentEncoded: false), program.path])
        guard try await SpawnedProcess.run(copy) == 0 else { throw CocoaError(.fileWriteUnknown) }
        return program
    }

    /// Makes a script that can be run at once: see ``program(_:copying:)``.
    public func script(_ name: String, _ text: String) async throws -> URL {
        let folder = try TemporaryFolder()
        try Data("#!/bin/sh\n\(text)\n".utf8).write(to: folder.file(name))
        return try await program(name, copying: folder.file(name))
    }
}
