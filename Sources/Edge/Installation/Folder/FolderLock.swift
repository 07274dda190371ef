import Files
package import FoundationEssentials
import Glibc

/// A lock on a data folder, until the process ends: shared by servers and commands, exclusive for a restore.
struct FolderLock: Sendable {
    enum Use {
        /// Shared.
        case using
        /// Exclusive.
        case replacing
    }

    /// Whether the folder's disk is mounted read-only, where no lock is needed.
    let isReadOnly: Bool
    private let file: HeldFile?

    /// - Throws: ``InvalidSetting`` if another process holds a conflicting lock, or the folder cannot be used.
    static func take(_ folder: URL, _ use: Use) throws -> FolderLock {
        let path = folder.appending(path: "kbs.lock").filePath
        let file: HeldFile
        do {
            file = HeldFile(try OpenFile(path, .updateOrMake(mode: 0o600)))
        } catch  where error.code == EROFS && use == .using {
            return FolderLock(isReadOnly: true, file: nil)
        } catch {
            throw InvalidSetting(error.description)
        }
        guard try file.file.lock(use == .using ? .shared : .exclusive, waiting: false) else {
            throw InvalidSetting(
                use == .using
                    ? "the data folder \(folder.filePath) is being restored: wait until that is done"
                    : "a server or another command is at work on \(folder.filePath): stop it first")
        }
        return FolderLock(isReadOnly: false, file: file)
    }
}

/// The lock of the one process that serves from a data folder; its file names the process and its address.
package final class ServingLock: Sendable {
    private let file: HeldFile

    /// - Parameter address: the process's listening address.
    /// - Throws: ``InvalidSetting`` that names the process that already serves.
    package init(_ folder: URL, address: String) throws {
        let path = folder.appending(path: "kbs.serving").filePath
        do {
            file = HeldFile(try OpenFile(path, .updateOrMake(mode: 0o600)))
            guard try file.file.lock(.exclusive, waiting: false) else {
                throw InvalidSetting(
                    "\(folder.filePath) is served already\(Self.other(path)): stop that server first, or name another "
                        + "folder with --data")
            }
            try file.file.truncate(to: 0)
            try file.file.write(Array("process \(getpid()), \(address)\n".utf8))
        } catch let error as FileError {
            throw InvalidSetting(error.description)
        }
    }

    /// The process that serves from the folder; `nil` without one, or if this user may not read the file.
    static func holder(of folder: URL) -> Int32? {
        let path = folder.appending(path: "kbs.serving").filePath
        guard let file = try? OpenFile(path, .read), (try? file.lock(.shared, waiting: false)) == false,
            let text = try? file.read(atMost: 1_024)
        else { return nil }
        let words = String(decoding: text, as: UTF8.self).split(separator: ",").first?.split(separator: " ")
        return words?.last.flatMap { Int32($0) }
    }

    /// The other process's line, as the end of a clause.
    private static func other(_ path: String) -> String {
        guard let text = try? File.readText(path, atMost: 1_024), let line = text.split(separator: "\n").first else {
            return ""
        }
        return ", by \(line)"
    }
}

/// An open file shared by several values. It is closed, and its lock released, with the last of them.
private final class HeldFile: Sendable {
    let file: OpenFile

    init(_ file: consuming OpenFile) { self.file = file }

    // Closing alone would not release it while a child that this process has just forked holds the descriptor too.
    deinit { file.unlock() }
}
