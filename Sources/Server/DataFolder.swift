public import Administration
public import Broker
import Crypto
import Endorsements
import Evidence
public import Foundation
public import Storage

/// A server's folder: `kbs.sqlite` (with SQLite's two files beside it) and `master.key`.
///
/// Whoever has both has every secret; the database alone gives none away.
public struct DataFolder: Sendable {
    public let keys: ServerKeys
    public let store: SQLiteStore

    /// Opens the folder.
    ///
    /// - Parameter create: whether to make it, with a new master key, when it is not there.
    /// - Throws: ``InvalidSetting`` when the key is missing or readable by others, or the folder cannot be used.
    public init(_ folder: URL, create: Bool = true) throws {
        let path = folder.path(percentEncoded: false)
        do {
            if create {
                try FileManager.default.createDirectory(
                    at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            } else if !Self.exists(folder.appending(path: "kbs.sqlite")) {
                throw InvalidSetting("\(path) is not a data folder: name the server's with --data")
            }
            (keys, store) = try Self.locked(folder) { try Self.open(folder) }
        } catch let error as InvalidSetting {
            throw error
        } catch {
            throw InvalidSetting("the data folder \(path) cannot be used: \(error)")
        }
    }

    /// What an operator can do on this folder, without a server.
    public func administrator(_ settings: Settings) throws -> any Administrator {
        let library = EndorsementLibrary(
            cache: store, folder: settings.endorsementsFolder.map(CertificateFolder.init), vendor: nil,
            reportingTo: { _ in })
        let broker = Broker(
            store: store, endorsements: library, keys: keys, anchors: try settings.anchors(), policy: settings.policy)
        return LocalAdministrator(
            broker, store: store, signer: { try await Trail(self, settings).key }, actor: .local(user: getuid()))
    }

    private static func open(_ folder: URL) throws -> (ServerKeys, SQLiteStore) {
        let database = folder.appending(path: "kbs.sqlite")
        let keyFile = folder.appending(path: "master.key")
        guard exists(keyFile) || !exists(database) else {
            throw InvalidSetting(
                "\(keyFile.path(percentEncoded: false)) is missing and kbs.sqlite is there: put the key back, "
                    + "for without it no secret can be read. To start anew, remove the database.")
        }
        if !exists(keyFile) { try makeKey(keyFile) }
        let keys = ServerKeys(master: try readKey(keyFile))
        if !exists(database) { try makePrivateFile(database, Data()) }
        return (keys, try SQLiteStore(file: database))
    }

    /// One process at a time: of several that start on a new folder, one makes the key and the database.
    private static func locked<T>(_ folder: URL, _ body: () throws -> T) throws -> T {
        let handle = try FileHandle(forReadingFrom: folder)
        defer { try? handle.close() }
        guard flock(handle.fileDescriptor, LOCK_EX) == 0 else {
            throw InvalidSetting("the data folder cannot be locked")
        }
        return try body()
    }

    private static func exists(_ file: URL) -> Bool {
        FileManager.default.fileExists(atPath: file.path(percentEncoded: false))
    }

    /// 32 bytes as hex. The file appears whole or not at all, and is on the disk before any secret is sealed with it.
    private static func makeKey(_ file: URL) throws {
        let key = SymmetricKey(size: .bits256).withUnsafeBytes { Hex.encodeUTF8(Array($0)) }
        let draft = file.appendingPathExtension("draft")
        try makePrivateFile(draft, Data(key + [0x0A]))
        try FileManager.default.moveItem(at: draft, to: file)
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
