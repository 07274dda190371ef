public import Foundation

/// Data to test with, when they are beside the project: `../shared`, or where `KBS_SHARED` says.
public enum Vectors {
    public static let folder: URL = {
        if let path = ProcessInfo.processInfo.environment["KBS_SHARED"] { return URL(filePath: path) }
        return URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../../../shared").standardized
    }()

    /// For `.enabled(if:)`: without the data a test says that it was skipped.
    public static let arePresent = FileManager.default.fileExists(
        atPath: folder.appending(path: "vectors/manifest.json").path)

    public static func bytes(_ path: String) throws -> [UInt8] {
        Array(try Data(contentsOf: folder.appending(path: path)))
    }
}
