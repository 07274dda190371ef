import Broker
import BrokerSupport
import Evidence
import EvidenceSupport
import Foundation
import PostgreSQL
import SQLite
import SimulatedHardware
import TestSupport
import Testing

@testable import Storage

@Suite("A copy from one kind of database to the other")
struct StorageCopyTests {
    private let folder: TemporaryFolder
    private let now = Date(timeIntervalSince1970: 1_760_000_000)

    init() throws { folder = try TemporaryFolder() }

    private func configuration(_ database: String) async throws -> PostgreSQLConfiguration {
        try await PostgreSQLConfiguration(
            uri: PostgreSQLCluster.shared.uri(database), connections: 4, timeout: PostgreSQLCluster.patience)
    }

    private func register(_ id: String, in store: any Store) async throws {
        try await store.register(
            Simulated.registration(id), sealed: Sealed(bytes: Array(id.utf8), masterKey: "k"), replacing: false, at: now
        )
    }

    /// A file with something in each table.
    private func filledFile() async throws -> URL {
        let file = folder.file("filled.sqlite")
        let store = try SQLiteStore(file: file, manifest: .tested)
        for id in ["one", "two/2"] { try await register(id, in: store) }
        try await store.register(
            Simulated.sevRegistration("sev"), sealed: Sealed(bytes: [0, 255], masterKey: ""), replacing: false, at: now)
        // Its row's number is not used again.
        try await register("gone", in: store)
        #expect(try await store.remove(WorkloadID("gone")))
        let row = try #require(try await store.workload(WorkloadID("one"))).row
        for (number, workload) in [row, nil].enumerated() {
            let session = StoredSession(
                id: Array(repeating: UInt8(number), count: 16), workload: workload, chip: "c0ffee",
                opened: now, expires: now.addingTimeInterval(100), code: [4, 5], masterKey: "k")
            #expect(try await store.insert(session))
        }
        for (id, revoked) in [("t", nil), ("u", now)] {
            let token = AccessToken(
                id: id, digest: [1], role: .admin, description: "späte \"Zeile\"\u{1}", created: now,
                expires: now.addingTimeInterval(9), revoked: nil)
            let record = AuditRecord(.createToken, by: .server, at: now)
            try await store.insert(token, recording: record)
            if let revoked { #expect(try await store.revoke(token: id, at: revoked, recording: record)) }
        }
        try await store.insert(
            StoredServerKey(name: "n", id: "i", sealed: Sealed(bytes: [7], masterKey: "k"), created: now))
        try await store.activate("k", previous: ["older"], at: now)
        try await store.keep([EndorsementDocument(Simulated.vcek.certificate, named: EndorsementName("VCEK"))])
        try await store.deny(
            Denial(.key([UInt8](repeating: 9, count: 32)), reason: "leaked", actor: "server", time: now),
            recording: AuditRecord(.denyEndorser, by: .server, at: now))
        try store.close()
        return file
    }

    @Test("From SQLite to PostgreSQL and back everything is the same, and no row's number is used again")
    func roundTrip() async throws {
        let file = try await filledFile()
        let database = try await configuration(PostgreSQLCluster.shared.newDatabase())
        let back = folder.file("back.sqlite")
        let there = try await StorageCopy.run(from: .sqlite(file), to: .postgreSQL(database))
        let again = try await StorageCopy.run(from: .postgreSQL(database), to: .sqlite(back))
        #expect(there == again)
        #expect(there.tables.map(\.table) == CopiedTable.all.map(\.name))
        // The others are filled, and copied, in ResourceCopyTests.
        let others = CopiedTable.all.map(\.name).filter {
            $0.hasPrefix("resource") || $0.hasPrefix("polic") || $0.hasPrefix("reference")
                || ["init_data", "foreign_guests", "revisions"].contains($0)
        }
        #expect(there.tables.allSatisfy { $0.rows > 0 || others.contains($0.table) })
        #expect(there.tables.first { $0.table == "workloads" }?.rows == 3)

        let stores: [any ExaminedStore] = [
            try SQLiteStore(file: file, manifest: .tested), try await PostgreSQLStore(database, manifest: .tested),
            try SQLiteStore(file: back, manifest: .tested),
        ]
        for store in stores {
            try await register("new", in: store)
            #expect(try await store.workload(WorkloadID("new"))?.row == 5)
            let entries = try await store.auditEntries(after: 0, limit: 1_000)
            var verifier = TrailVerifier(checkpoints: [])
            for entry in entries { try verifier.read(entry) }
            #expect(entries.last?.record.contains("workload.register") == true)
        }
        await (stores[1] as? PostgreSQLStore)?.close()
    }

    @Test("Every table and column of either schema is copied, as what it is")
    func catalogue() async throws {
        let copied = Set(
            CopiedTable.all.flatMap { table in table.columns.map { "\(table.name).\($0.name) \($0.kind)" } })
        let kinds = ["bigint": "integer", "text": "text", "bytea": "bytes", "INTEGER": "integer", "BLOB": "bytes"]
        let cluster = try await PostgreSQLCluster.shared
        let database = try await cluster.newStoreDatabase()
        let rows = try await cluster.sql(
            """
            SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_identity
            FROM information_schema.columns WHERE table_schema = 'public'
                AND table_name NOT IN ('kbs_schema', 'audit_head')
            """, in: database
        ).split(separator: "\n").map { $0.split(separator: " ") }
        #expect(copied == Set(rows.map { "\($0[0]) \(kinds[String($0[1])] ?? "\($0[1])")" }))
        #expect(
            Set(CopiedTable.all.filter(\.isNumbered).map { "\($0.name).\($0.number)" })
                == Set(rows.filter { $0[2] == "YES" }.map { String($0[0]) }))

        let store = try SQLiteStore(file: folder.file("kbs.sqlite"), manifest: .tested)
        let found = try store.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT m.name, c.name, c.type FROM sqlite_master m, pragma_table_info(m.name) c
                    WHERE m.type = 'table' AND m.name NOT IN ('kbs_schema', 'sqlite_sequence')
                    """
            ).map { row -> String in
                let type: String = try row[2]
                return
                    "\(try row[0] as String).\(try row[1] as String) \(kinds[type.lowercased()] ?? kinds[type] ?? type)"
            }
        }
        #expect(copied == Set(found))
    }

    @Test("A database that is not empty, or once was not, is not copied to", arguments: TestedStore.allCases)
    func notEmpty(_ kind: TestedStore) async throws {
        let source = CopyPlace.sqlite(try await filledFile())
        let cluster = try await PostgreSQLCluster.shared
        let name = try await cluster.newStoreDatabase()
        let file = folder.file("target.sqlite")
        let target: CopyPlace = kind == .sqlite ? .sqlite(file) : .postgreSQL(try await configuration(name))
        let store: any ExaminedStore
        switch kind {
        case .sqlite: store = try SQLiteStore(file: file, manifest: .tested)
        case .postgresql: store = try await .connected(to: name)
        }
        try await register("mine", in: store)
        for _ in 0..<2 {
            let failure = await #expect(throws: StorageCopy.Failure.self) {
                try await StorageCopy.run(from: source, to: target)
            }
            #expect(failure?.description.contains("not empty") == true)
            #expect(try await store.countWorkloads() <= 1)
            _ = try await store.remove(WorkloadID("mine"))
            // A challenge may still name its row.
            try await store.tamper("DELETE FROM audit")
        }
        await (store as? PostgreSQLStore)?.close()
    }

    @Test(
        "While servers work on a PostgreSQL database it is copied only as it is at one moment, and only if that is said"
    )
    func serversAtWork() async throws {
        let database = try await configuration(PostgreSQLCluster.shared.newStoreDatabase())
        let server = try await PostgreSQLStore(database, manifest: .tested)
        try await register("one", in: server)
        let target = CopyPlace.sqlite(folder.file("copy.sqlite"))
        let failure = await #expect(throws: StorageCopy.Failure.self) {
            try await StorageCopy.run(from: .postgreSQL(database), to: target)
        }
        #expect(failure?.description.contains("servers are using") == true)
        let outcome = try await StorageCopy.run(from: .postgreSQL(database), to: target, isSnapshot: true)
        #expect(outcome.tables.first { $0.table == "workloads" }?.rows == 1)
        await server.close()
    }

    @Test("A server that has just been stopped, and whose connections end a moment later, is waited for")
    func stoppedServer() async throws {
        let cluster = try await PostgreSQLCluster.shared
        let name = try await cluster.newStoreDatabase()
        // In a process of its own, which ends in time however busy this one is.
        let connection = Task {
            try await cluster.sql("SET application_name = 'kbs'; SELECT pg_sleep(2)", in: name)
        }
        let listed = "SELECT count(*) FROM pg_stat_activity WHERE datname = '\(name)' AND application_name = 'kbs'"
        while try await cluster.sql(listed, in: "postgres") == "0" { try await Task.sleep(for: .milliseconds(20)) }
        let target = CopyPlace.sqlite(folder.file("stopped.sqlite"))
        let outcome = try await StorageCopy.run(from: .postgreSQL(configuration(name)), to: target)
        #expect(outcome.tables.count == CopiedTable.all.count)
        _ = try await connection.value
    }

    @Test("A server that begins to work while it is copied is noticed, and the copy is none")
    func lateServer() async throws {
        let database = try await configuration(PostgreSQLCluster.shared.newStoreDatabase())
        let target = CopyPlace.sqlite(folder.file("late.sqlite"))
        let (begun, begin) = AsyncStream.makeStream(of: Void.self)
        // The copy has a thread of its own, which may be held up.
        let opened = DispatchSemaphore(value: 0)
        async let server = {
            _ = await begun.first { _ in true }
            defer { opened.signal() }
            let store = try await PostgreSQLStore(database, manifest: .tested)
            // By now it has a connection.
            _ = try await store.workload(WorkloadID("any"))
            return store
        }()
        let failure = await #expect(throws: StorageCopy.Failure.self) {
            try await StorageCopy.run(from: .postgreSQL(database), to: target) { table in
                guard table == "audit" else { return }
                begin.yield()
                opened.wait()
            }
        }
        #expect(failure?.description.contains("servers are using") == true)
        try await server.close()
    }

    @Test(
        "A copy that is not what was copied is found out",
        arguments: ["NEW.added := NEW.added + 1; RETURN NEW", "RETURN NULL"])
    func difference(body: String) async throws {
        let source = CopyPlace.sqlite(try await filledFile())
        let cluster = try await PostgreSQLCluster.shared
        let name = try await cluster.newStoreDatabase()
        for statement in [
            "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \(body); END $$",
            "CREATE TRIGGER spoil BEFORE INSERT ON endorsements FOR EACH ROW EXECUTE FUNCTION spoil()",
        ] { try await cluster.sql(statement, in: name) }
        let target = CopyPlace.postgreSQL(try await configuration(name))
        let failure = await #expect(throws: StorageCopy.Failure.self) {
            try await StorageCopy.run(from: source, to: target)
        }
        #expect(failure?.description.contains("endorsements") == true)
    }
}
