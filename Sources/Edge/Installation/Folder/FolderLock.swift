import Files
package import FoundationEssentials
import Glibc

/// A lock on a data folder, which ends with the process: servers and tools share it, and a restore has it alone.
struct FolderLock: Sendable {
    enum Use {
        /// Beside others.
        case using
        /// Alone.
        case replacing
    }

    /// Nobody can write to the folder, so nobody need be kept from it.
    let isReadOnly: Bool
    private let file: HeldFile?

    /// - Throws: ``InvalidSetting`` when it is taken in a way that does not go with this, or the folder cannot be used.
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

/// Who serves from a data folder: one process at a time, which says which it is and where.
package final class ServingLock: Sendable {
    private let file: HeldFile

    /// - Parameter address: where the process listens.
    /// - Throws: ``InvalidSetting`` that names the other one.
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

    /// The process that serves from the folder; `nil` when none does, or this user may not know.
    static func holder(of folder: URL) -> Int32? {
        let path = folder.appending(path: "kbs.serving").filePath
        guard let file = try? OpenFile(path, .read), (try? file.lock(.shared, waiting: false)) == false,
            let text = try? file.read(atMost: 1_024)
        else { return nil }
        let words = String(decoding: text, as: UTF8.self).split(separator: ",").first?.split(separator: " ")
        return words?.last.flatMap { Int32($0) }
    }

    /// What the other has written, as the end of a clause.
    private static func other(_ path: String) -> String {
        guard let text = try? File.readText(path, atMost: 1_024), let line = text.split(separator: "\n").first else {
            return ""
        }
        return ", by \(line)"
    }
}

/// An open file that several values share. It is closed, and with that its lock ends, when the last of them goes.
private final class HeldFile: Sendable {
    let file: OpenFile

    init(_ file: consuming OpenFile) { self.file = file }
}
