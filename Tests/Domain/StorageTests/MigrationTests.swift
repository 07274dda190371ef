import Bytes
import BrokerSupport
import Crypto
import Evidence
import EvidenceSupport
import Foundation
import SQLite
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
        try queue.write { database in
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
                        number, "w\(number)", number, registration.launch.measurement, number,
                        Int64(bitPattern: GuestPolicy.unstated.rawValue), number, keys.seal(registration),
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
        #expect(try queue.read { try Schema.migrator.completedMigrations($0) } == ["v1"])
        try SQLiteStore(file: file).close()
        try SQLiteStore(file: file, migrates: false).close()
        try queue.write { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('v99')") }
        for migrates in [true, false] {
            let later = #expect(throws: OtherSchema.self) { try SQLiteStore(file: file, migrates: migrates) }
            #expect(later?.isLater == true)
        }
        let new = try SQLiteStore(file: folder.file("new.sqlite"), migrates: false)
        #expect(try await new.countWorkloads() == 0)
    }

    @Test(
        "What a database of version 4 holds is there after it is brought up to date, beside room for guests and resources"
    )
    func version4() async throws {
        let folder = try TemporaryFolder()
        let file = folder.file("kbs.sqlite")
        let (keys, now) = (ServerKeys(master: SymmetricKey(size: .bits256)), Date(timeIntervalSince1970: 1_760_000_000))
        let registration = try Simulated.registration("default/key/1", secret: "sesame")
        let queue = try DatabaseQueue(path: file.path)
        try Schema.migrator.migrate(queue, upTo: "v4")
        try queue.write { database in
            try database.execute(
                sql: """
                    INSERT INTO workloads (row, id, tee, registered) VALUES (1, 'default/key/1', 'snp', 0);
                    INSERT INTO measurements (workload, digest) VALUES (1, ?);
                    INSERT INTO configs (workload, tee_config, policy) VALUES (1, '', ?);
                    INSERT INTO secrets (workload, sealed, master_key) VALUES (1, ?, ?);
                    INSERT INTO sessions (id, workload, binding, exponent, chip, expires, code, opened, master_key)
                        VALUES (x'00112233445566778899aabbccddeeff', 1, x'01', x'03', '', 1760000100, x'', 0, 'k');
                    INSERT INTO attempts (time, workload, tee, session, chip, outcome, code, sentence, verdict)
                        VALUES (0, 'default/key/1', 'snp', '', '', 'refused', 'evidence_refused', 'why', '');
                    """,
                arguments: [
                    registration.launch.measurement, Int64(bitPattern: GuestPolicy.unstated.rawValue),
                    keys.seal(registration), keys.id,
                ])
        }
        try queue.close()

        let store = try SQLiteStore(file: file)
        let found = try #require(try await store.sealedSecret(of: registration.id))
        #expect(try keys.open(found.sealed.bytes, of: found.workload).withBytes { Array($0) } == Array("sesame".utf8))
        #expect(try await store.sessions(.all, after: [], limit: 10, at: now).map(\.workload) == [registration.id])
        let attempt = try #require(try await store.attempts(AttemptSelection(), before: .max, limit: 10).first)
        #expect(attempt.action == "guest.attest" && attempt.sentence == "why")
        let version = NewResourceVersion(
            path: try ResourcePath("default/key/2"), number: 1, sealed: Sealed(bytes: [1], masterKey: keys.id), size: 1,
            policy: nil)
        let outcome = try await store.put(version, expecting: nil, at: now) { _ in
            AuditRecord(.putResource, by: .server, at: now)
        }
        guard case .done = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(try await store.countResources() == 1)
    }
}
