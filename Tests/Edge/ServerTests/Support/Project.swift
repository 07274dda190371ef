import Foundation

enum Project {
    /// The project's own folder.
    static let root = URL(filePath: #filePath).appending(path: "../../../../..").standardized
}
