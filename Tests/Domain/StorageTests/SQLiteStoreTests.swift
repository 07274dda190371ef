import Broker
import BrokerSupport
import Crypto
import EvidenceSupport
import Foundation
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
