public import Broker
import Crypto
import Evidence
public import Foundation
public import Storage

/// A server's folder: `kbs.sqlite` (with SQLite's two files beside it) and `master.key`.
///
/// Whoever has both has every secret; the database alone gives none away.
public struct DataFolder: Sendable {
    public let keys: ServerKeys
    public let store: SQLiteStore

    /// Opens the folder, or makes it, with a new master key.
    ///
    /// - Throws: ``InvalidSetting`` when the key is missing or readable by others, or the folder cannot be written.
    public init(_ folder: URL) throws {
        let manager = FileManager.default
        let database = folder.appending(path: "kbs.sqlite")
        let keyFile = folder.appending(path: "master.key")
        do {
            try manager.createDirectory(
                at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            let hasDatabase = manager.fileExists(atPath: database.path(percentEncoded: false))
            let hasKey = manager.fileExists(atPath: keyFile.path(percentEncoded: false))
            guard hasKey || !hasDatabase else {
                throw InvalidSetting(
                    "\(keyFile.path(percentEncoded: false)) is missing and kbs.sqlite is there: put the key back, "
                        + "for without it no secret can be read. To start anew, remove the database.")
            }
            if !hasKey { try Self.makeKey(keyFile) }
            keys = ServerKeys(master: try Self.readKey(keyFile))
            if !hasDatabase { try Self.makePrivateFile(database, Data()) }
            store = try SQLiteStore(file: database)
        } catch let error as InvalidSetting {
            throw error
        } catch {
            throw InvalidSetting("the data folder \(folder.path(percentEncoded: false)) cannot be used: \(error)")
        }
    }

    /// 32 bytes as hex. The file appears whole or not at all, and is on the disk before any secret is sealed with it.
    private static func makeKey(_ file: URL) throws {
        let key = SymmetricKey(size: .bits256).withUnsafeBytes { Hex.encodeUTF8(Array($0)) }
        let draft = file.appendingPathExtension("\(ProcessInfo.processInfo.processIdentifier)")
        try makePrivateFile(draft, Data(key + [0x0A]))
        defer { try? FileManager.default.removeItem(at: draft) }
        do {
            // A link, not a rename: of two processes that start at once, one makes the key.
            try FileManager.default.linkItem(at: draft, to: file)
        } catch CocoaError.fileWriteFileExists {
            return
        }
        let folder = try FileHandle(forReadingFrom: file.deletingLastPathComponent())
        try folder.synchronize()
        try folder.close()
    }

    private static func makePrivateFile(_ file: URL, _ contents: Data) throws {
        let path = file.path(percentEncoded: false)
        guard FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600]) else {
            throw InvalidSetting("\(path) cannot be made")
        }
        let handle = try FileHandle(forWritingTo: file)
        try handle.write(contentsOf: contents)
        try handle.synchronize()
        try handle.close()
    }

    private static func readKey(_ file: URL) throws -> SymmetricKey {
        let path = file.path(percentEncoded: false)
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? NSNumber
        guard let mode, mode.intValue & 0o077 == 0 else {
            throw InvalidSetting("\(path) can be read by others than its owner: chmod 600 it, and ask who read it")
        }
        let text = String(decoding: try Data(contentsOf: file), as: UTF8.self)
        guard let key = Hex.decode(text.trimmingCharacters(in: .whitespacesAndNewlines)), key.count == 32 else {
            throw InvalidSetting("\(path) does not hold 64 hex digits")
        }
        return SymmetricKey(data: key)
    }
}
