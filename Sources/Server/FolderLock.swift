import Foundation

/// A lock on a data folder, which ends with the process: servers and tools share it, and a restore has it alone.
final class FolderLock: Sendable {
    private let descriptor: Int32

    /// - Returns: `nil` when it is taken in a way that does not go with this.
    /// - Throws: ``InvalidSetting`` when the folder cannot be written to.
    init?(_ folder: URL, exclusive: Bool) throws {
        let path = folder.appending(path: "kbs.lock").path(percentEncoded: false)
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw InvalidSetting("\(path) cannot be opened: \(String(cString: strerror(errno)))")
        }
        guard flock(descriptor, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0 else {
            close(descriptor)
            return nil
        }
    }

    deinit { close(descriptor) }
}
