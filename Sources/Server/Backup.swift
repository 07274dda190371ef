import Broker
public import Foundation
import MasterKeys
public import Storage

/// Copies a data folder's database while a server may work on it.
///
/// A backup holds no master key, and making one needs none.
public enum Backup {
    public struct Outcome: Sendable {
        /// In bytes.
        public let size: Int
        public let summary: DatabaseSummary
    }

    /// Writes a backup that is whole, checked and on the disk, or none.
    ///
    /// - Parameter replacing: whether there may be a file with this name.
    /// - Throws: ``InvalidSetting`` that says what to do.
    public static func write(_ folder: URL, to file: URL, replacing: Bool) async throws -> Outcome {
        let (path, database) = (file.path(percentEncoded: false), DataFolder.database(in: folder))
        guard DataFolder.exists(database) else {
            throw InvalidSetting(
                "\(folder.path(percentEncoded: false)) is not a data folder: name the server's with --data")
        }
        guard replacing || !DataFolder.exists(file) else {
            throw InvalidSetting("\(path) is there: choose another name, or add --force to replace it")
        }
        // A restore would take the database away from under the copy.
        guard let lock = try FolderLock(folder, exclusive: false) else {
            throw InvalidSetting("the data folder is being restored: wait until that is done")
        }
        defer { withExtendedLifetime(lock) {} }
        let draft = file.appendingPathExtension("draft-\(ProcessInfo.processInfo.processIdentifier)")
        defer { try? FileManager.default.removeItem(at: draft) }
        do {
            try DurableFile.make(draft)
            try DatabaseFile.copy(database, to: draft)
            let summary = try DatabaseFile.check(draft)
            try DurableFile.synchronize(draft)
            let size = try draft.resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0
            try DurableFile.move(draft, to: file)
            do {
                let store = try SQLiteStore(file: database, migrates: false)
                defer { try? store.close() }
                try await store.recordLocally(.backUp, ["file": file.lastPathComponent])
            } catch let other as OtherSchema where !other.isLater {
                // Before an upgrade: version 1 has no trail, and nothing but its server is to bring it up to date.
            }
            return Outcome(size: size, summary: summary)
        } catch {
            throw InvalidSetting("the backup \(path) could not be made: \(error)")
        }
    }
}
