import Crypto
import Evidence
import Foundation
import GRDB
import TestSupport
import Testing

@testable import Broker
@testable import Storage

@Suite("A database of version 1")
struct MigrationTests {
    @Test("Its secrets open under the key they were sealed with, and it can be rotated")
    func version1() async throws {
        let folder = try TemporaryFolder()
        let file = folder.file("kbs.sqlite")
        let (old, new) = (SymmetricKey(size: .bits256), SymmetricKey(size: .bits256))
        let keys = ServerKeys(master: old)
        let queue = try DatabaseQueue(path: file.path)
        try Schema.migrator.migrate(queue, upTo: "v1")
        try await queue.write { database in
            for number in 1...5 {
                let registration = try Simulated.registration("w\(number)", secret: "s\(number)")
                try database.execute(
                    sql: """
                        INSERT INTO workloads (row, id, tee, registered) VALUES (?, ?, 'snp', 0);
                        INSERT INTO measurements (workload, digest) VALUES (?, ?);
                        INSERT INTO configs (workload, tee_config, policy) VALUES (?, '', ?);
                        INSERT INTO secrets (workload, sealed) VALUES (?, ?);
                        """,
                    arguments: [
                        number, "w\(number)", number, Data(registration.launch.measurement), number,
                        Int64(bitPattern: GuestPolicy.unstated.rawValue), number, Data(keys.seal(registration)),
                    ])
            }
        }
        try queue.close()

        let store = try SQLiteStore(file: file)
        let usage = try store.masterKeyUsage(at: Date())
        #expect(usage.map(\.id) == [""] && usage.first?.secrets == 5)
        #expect(try await Resealing.unopened(with: KeyRing(master: old), in: store).isEmpty)
        #expect(try await Resealing.unopened(with: KeyRing(master: new), in: store).count == 5)
        let ring = KeyRing(master: new, previous: [old])
        try await store.activate(ring.held.active.id, previous: [keys.id], at: Date())
        #expect(try await Resealing(keys: ring, store: store).run().resealed == 5)
        for stored in try await store.secrets(after: 0, limit: 10) {
            let secret = try await KeyRing(master: new).open(stored.sealed, of: stored.workload)
            #expect(secret.withBytes { Array($0) } == Array("s\(stored.workload.row)".utf8))
        }
        #expect(try await store.retire(keys.id, at: Date()))
    }
    @Test("It stays as it is for whoever may not bring it up to date; a new one gets the schema in any case")
    func unmigrated() async throws {
        let folder = try TemporaryFolder()
        let file = folder.file("kbs.sqlite")
        let queue = try DatabaseQueue(path: file.path)
        try Schema.migrator.migrate(queue, upTo: "v1")
        let earlier = #expect(throws: OtherSchema.self) { try SQLiteStore(file: file, migrates: false) }
        #expect(earlier?.isLater == false)
        #expect(try await queue.read { try Schema.migrator.completedMigrations($0) } == ["v1"])
        try SQLiteStore(file: file).close()
        try SQLiteStore(file: file, migrates: false).close()
        try await queue.write { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('v99')") }
        for migrates in [true, false] {
            let later = #expect(throws: OtherSchema.self) { try SQLiteStore(file: file, migrates: migrates) }
            #expect(later?.isLater == true)
        }
        let new = try SQLiteStore(file: folder.file("new.sqlite"), migrates: false)
        #expect(try await new.countWorkloads() == 0)
    }
}
