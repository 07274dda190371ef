import Broker
import Files
package import FoundationEssentials
import Glibc
package import Storage

/// Copies a data folder's database, also while a server works on it.
///
/// A backup holds no master key, and making one needs none.
package enum Backup {
    package struct Outcome: Sendable {
        /// In bytes.
        package let size: Int
        package let summary: DatabaseSummary
        /// A warning for the operator, as a sentence.
        package let warning: String?
    }

    /// Writes a complete and checked backup to the disk, or no file at all.
    ///
    /// - Parameter replacing: whether an existing file is replaced.
    /// - Throws: ``InvalidSetting`` with the remedy.
    package static func write(_ folder: URL, to file: URL, replacing: Bool) async throws -> Outcome {
        let (path, database) = (file.filePath, DataFolder.database(in: folder))
        try DataFolder.checkIsThere(folder)
        guard replacing || !DataFolder.exists(file) else {
            throw InvalidSetting("\(path) is there: choose another name, or add --force to replace it")
        }
        // A restore would replace the database during the copy.
        let lock = try FolderLock.take(folder, .using)
        defer { withExtendedLifetime(lock) {} }
        let draft = "\(path).draft-\(getpid())"
        defer { _ = try? File.remove(draft) }
        do {
            try File.make(draft)
            try DatabaseFile.copy(database, to: URL(filePath: draft))
            let summary = try DatabaseFile.check(URL(filePath: draft))
            try File.synchronize(draft)
            let size = FileStatus.of(draft)?.size ?? 0
            try File.move(draft, to: path)
            let warning = try await record(database, file, isReadOnly: lock.isReadOnly)
            return Outcome(size: size, summary: summary, warning: warning)
        } catch {
            throw InvalidSetting("the backup \(path) could not be made: \("\(error)".replacing(draft, with: path))")
        }
    }

    /// Records the backup in the trail.
    ///
    /// - Returns: a warning where that is impossible by design.
    private static func record(_ database: URL, _ file: URL, isReadOnly: Bool) async throws -> String? {
        guard !isReadOnly else {
            return "The data folder is mounted read-only, so its trail has no record of this backup."
        }
        let store = try SQLiteStore(file: database)
        defer { try? store.close() }
        try await store.recordLocally(.backUp, ["file": file.lastPathComponent])
        return nil
    }
}
