import Broker
import Files
package import FoundationEssentials
import Glibc
import MasterKeys
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
    /// - Parameters:
    ///   - settings: name the data folder.
    ///   - replacing: whether an existing file is replaced; never one of the installation's own.
    /// - Throws: ``InvalidSetting`` with the remedy.
    package static func write(_ settings: Settings, to file: URL, replacing: Bool) async throws -> Outcome {
        let folder = settings.dataFolder
        let (path, database) = (file.filePath, DataFolder.database(in: folder))
        try DataFolder.checkIsThere(folder)
        if let own = settings.ownFiles.map(\.filePath).first(where: { File.isSame($0, path) }) {
            throw InvalidSetting("\(path) is the installation's own file \(own): choose another name")
        }
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
            try DatabaseFile.copy(database, to: URL(filePath: draft), isReadOnly: lock.isReadOnly)
            let summary = try DatabaseFile.check(URL(filePath: draft))
            try File.synchronize(draft)
            let size = FileStatus.of(draft)?.size ?? 0
            try File.move(draft, to: path)
            let warning = await record(database, file, isReadOnly: lock.isReadOnly)
            return Outcome(size: size, summary: summary, warning: warning)
        } catch {
            throw InvalidSetting("the backup \(path) could not be made: \("\(error)".replacing(draft, with: path))")
        }
    }

    /// Records the backup in the trail.
    ///
    /// - Returns: a warning where that fails: the backup is made.
    private static func record(_ database: URL, _ file: URL, isReadOnly: Bool) async -> String? {
        guard !isReadOnly else {
            return "The data folder is mounted read-only, so its trail has no record of this backup."
        }
        do {
            try await SQLiteStore(file: database).closing {
                try await $0.recordLocally(.backUp, ["file": file.lastPathComponent])
            }
            return nil
        } catch {
            return "The trail has no record of this backup: \(error)"
        }
    }
}

extension Settings {
    /// The files of the data folder, and those elsewhere with master keys and checkpoints, whether they exist or not.
    fileprivate var ownFiles: [URL] {
        let keys = ([masterKeys.master] + masterKeys.previous).compactMap { (source: MasterKeySource) -> URL? in
            if case .file(let file) = source { file } else { nil }
        }
        return DataFolder.fileNames.map { dataFolder.appending(path: $0) } + keys + [checkpoints.url]
    }
}

extension File {
    /// Whether two paths lead to one file, by links or by another spelling, also one that does not exist yet.
    fileprivate static func isSame(_ one: String, _ other: String) -> Bool {
        if let file = FileStatus.of(one)?.identity, file == FileStatus.of(other)?.identity { return true }
        let names = [one, other].map { $0.split(separator: "/").last }
        guard names[0] == names[1], let folder = Folder.parent(of: one).flatMap({ FileStatus.of($0)?.identity })
        else { return false }
        return folder == Folder.parent(of: other).flatMap { FileStatus.of($0)?.identity }
    }
}
