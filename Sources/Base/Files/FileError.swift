import Glibc

/// A failed file operation, as a sentence with the path, the reason and the remedy.
public struct FileError: Error, Hashable, Sendable, CustomStringConvertible {
    /// As it was given.
    public let path: String
    /// The system's error number, e.g. `ENOENT`.
    public let code: Int32
    /// E.g. "/etc/kbs/tls.key cannot be read: it is a folder".
    public let description: String

    public init(path: String, code: Int32, description: String) {
        (self.path, self.code, self.description) = (path, code, description)
    }

    /// Whether the path does not exist.
    public var isMissing: Bool { code == ENOENT }
}

/// An operation on a file. It decides whether the file's or its folder's permissions apply.
enum FileAction {
    case open(reading: Bool, writing: Bool)
    case read, write, list, look, lock, flush
    case make, remove, rename

    /// For "… cannot be".
    var participle: String {
        switch self {
        case .open(_, writing: true), .write: "written"
        case .open, .read: "read"
        case .list: "listed"
        case .look: "looked at"
        case .lock: "locked"
        case .flush: "written to the disk"
        case .make: "made"
        case .remove: "removed"
        case .rename: "renamed"
        }
    }

    /// The required permissions of the file, as bits of `access(2)`.
    var needs: Int32 {
        switch self {
        case .open(let reads, let writes): (reads ? R_OK : 0) | (writes ? W_OK : 0)
        case .read: R_OK
        case .write: W_OK
        case .list: R_OK | X_OK
        case .look, .lock, .flush, .make, .remove, .rename: 0
        }
    }

    var changesFolder: Bool {
        switch self {
        case .make, .remove, .rename: true
        default: false
        }
    }
}

extension FileError {
    /// Diagnoses the path's current state: call it at once after the failed call.
    ///
    /// - Parameter code: `errno` of that call.
    init(_ path: String, _ action: FileAction, _ code: Int32) {
        let reason = FileDiagnosis(path: path, action: action, code: code).reason
        self.init(path: path, code: code, description: "\(path) cannot be \(action.participle): \(reason)")
    }
}
