import Broker
import BrokerSupport
import Concurrency
import Crypto
import EvidenceSupport
import Foundation
import SQLite
import Storage
import TestSupport
import Testing

@Suite("A store in a file")
struct SQLiteStoreTests {
    @Test("A commit is on the disk before it is acknowledged, also for the connection that writes")
    func synchronous() throws {
        let folder = try TemporaryFolder()
        let store = try SQLiteStore(file: folder.file("kbs.sqlite"), manifest: .tested)
        #expect(try store.synchronous == 2, "FULL")
    }

    @Test("A copy waits for another process's write, and has it")
    func copyWaits() async throws {
        let folder = try TemporaryFolder()
        let (file, copy) = (folder.file("kbs.sqlite"), folder.file("copy"))
        try SQLiteStore(file: file).close()
        let other = try DatabaseQueue(path: file.path)
        // Without a write-ahead log, as of a copied database, only locks show that it is in use.
        try other.writeWithoutTransaction { try $0.execute(sql: "PRAGMA journal_mode = DELETE") }
        let (begun, begin) = AsyncStream.makeStream(of: Void.self)
        async let write: Void = BlockingThread.run("writer") {
            defer { begin.finish() }
            try other.writeWithoutTransaction { database in
                try database.execute(sql: "BEGIN EXCLUSIVE")
                try database.execute(sql: "UPDATE kbs_schema SET applied = 42")
                begin.finish()
                BlockingThread.sleep(for: .milliseconds(500))
                try database.execute(sql: "COMMIT")
            }
        }
        for await _ in begun {}
        try DatabaseFile.copy(file, to: copy, isReadOnly: false)
        try await write
        let copied = try DatabaseQueue(path: copy.path)
        #expect(try copied.read { try Int.fetchOne($0, sql: "SELECT applied FROM kbs_schema") } == 42)
    }

    @Test("Neither the secret nor anything of it is in the database's files")
    func sealed() async throws {
        let folder = try TemporaryFolder()
        let secret = "a-secret-that-can-be-searched-for"
        let data = try DataFolderFixture(folder.file("data"))
        try await data.broker.register(Simulated.registration("app", secret: secret))
        for name in ["kbs.sqlite", "kbs.sqlite-wal"] {
            let bytes = try Data(contentsOf: folder.file("data/\(name)"))
            #expect(bytes.range(of: Data(secret.utf8)) == nil)
            #expect(bytes.range(of: Data("app".utf8)) != nil || name == "kbs.sqlite")
        }
    }
}

/// A broker on a folder as the server makes it.
private struct DataFolderFixture {
    let broker: Broker

    init(_ folder: URL) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let store = try SQLiteStore(file: folder.appending(path: "kbs.sqlite"), manifest: .tested)
        broker = Broker(store: store, endorsements: NoEndorsements(), keys: KeyRing(master: .init(size: .bits256)))
    }
}
