import Broker
import BrokerSupport
import Bytes
import Evidence
import EvidenceSupport
import Foundation
import PostgreSQL
import Testing

@testable import Storage

/// What several servers on one database must be able to rely on.
@Suite("Stores that share a PostgreSQL database")
struct PostgreSQLStoreTests {
    let now = Date(timeIntervalSince1970: 1_760_000_000)

    private func stores(_ count: Int) async throws -> [PostgreSQLStore] {
        let database = try await PostgreSQLCluster.shared.newStoreDatabase()
        var stores: [PostgreSQLStore] = []
        for _ in 0..<count { stores.append(try await .connected(to: database)) }
        return stores
    }

    private func session(_ number: Int, of row: Workload.Row, expires: Double = 1_000) -> StoredSession {
        StoredSession(
            id: Array(repeating: 0, count: 14) + [UInt8(number / 256), UInt8(number % 256)], workload: row,
            chip: "c0ffee", opened: now, expires: now.addingTimeInterval(expires),
            code: [1], masterKey: "k")
    }

    private func record(_ action: AuditRecord.Action, _ session: StoredSession, by number: Int = 0) -> AuditRecord {
        AuditRecord(
            action, by: .guest, session: Hex.encode(session.id), details: ["number": "\(number)"], at: session.opened)
    }

    private func workload(_ store: PostgreSQLStore) async throws -> Workload.Row {
        try await store.register(
            Simulated.registration("app"), sealed: Sealed(bytes: [1], masterKey: "k"), replacing: false, at: now)
        return try #require(try await store.workload(WorkloadID("app"))).row
    }

    @Test("Of two that open the same session at once exactly one does")
    func sameSession() async throws {
        let stores = try await stores(2)
        let row = try await workload(stores[0])
        try await withThrowingTaskGroup(of: [Bool].self) { group in
            for number in 0..<50 {
                group.addTask {
                    let session = session(number, of: row)
                    async let one = stores[0].insert(session)
                    async let other = stores[1].insert(session)
                    return try await [one, other]
                }
            }
            for try await outcomes in group { #expect(outcomes[0] != outcomes[1]) }
        }
        #expect(try await stores[0].countSessions(at: now) == 50)
        #expect(try await stores[0].trail().filter { $0["action"] == "guest.attest" }.count == 50)
    }

    @Test("Of two that register the same name at once one does, and the other finds it there")
    func sameWorkload() async throws {
        let stores = try await stores(2)
        for number in 0..<10 {
            let now = now
            let registration = try Simulated.registration("w\(number)")
            async let one = stores[0].register(
                registration, sealed: Sealed(bytes: [1], masterKey: "k"), replacing: false, at: now)
            async let other = stores[1].register(
                registration, sealed: Sealed(bytes: [2], masterKey: "k"), replacing: false, at: now)
            let outcomes = try await [one, other]
            #expect(outcomes.filter { $0 == .exists }.count == 1)
            #expect(outcomes.filter { $0.isReplacement == false }.count == 1)
        }
        for _ in 0..<10 {
            let now = now
            let registration = try Simulated.registration("w0")
            async let one = stores[0].register(
                registration, sealed: Sealed(bytes: [1], masterKey: "k"), replacing: true, at: now)
            async let other = stores[1].register(
                registration, sealed: Sealed(bytes: [2], masterKey: "k"), replacing: true, at: now)
            #expect(try await [one, other].map(\.isReplacement) == [true, true])
        }
    }

    @Test("A workload that is replaced while another server disables it is not missed")
    func replacedWhileDisabled() async throws {
        let stores = try await stores(2)
        _ = try await workload(stores[0])
        let now = now
        for _ in 0..<20 {
            let registration = try Simulated.registration("app")
            async let replaced = stores[0].register(
                registration, sealed: Sealed(bytes: [1], masterKey: "k"), replacing: true, at: now)
            async let disabled = stores[1].setDisabled(
                true, registration.id, expecting: nil,
                recording: AuditRecord(.disableWorkload, by: .server, workload: "app", at: now))
            #expect(try await replaced.isReplacement == true)
            #expect(try await disabled == .done)
        }
    }

    @Test(
        "Who removes what is not there waits for whoever makes it, and does not list it as absent",
        .timeLimit(.minutes(10)), arguments: [true, false])
    func absent(isWorkload: Bool) async throws {
        let cluster = try await PostgreSQLCluster.shared
        let database = try await cluster.newStoreDatabase()
        let store = try await PostgreSQLStore.connected(to: database)
        let (id, endorser) = (try WorkloadID("app"), Endorser(chip: Array(repeating: 7, count: 64)))
        func count(_ condition: String) async throws -> String {
            try await cluster.sql(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = '\(database)' AND \(condition)", in: "postgres")
        }
        let maker = Task {
            try await cluster.sql(
                """
                BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('\(isWorkload ? id.text : endorser.name)', 0));
                SELECT pg_sleep(600)
                """, in: database)
        }
        while try await count("wait_event = 'PgSleep'") == "0" { try await Task.sleep(for: .milliseconds(20)) }
        let record = AuditRecord(.removeWorkload, by: .server, at: now)
        let isMissing = Task {
            if isWorkload { return try await store.remove(id, expecting: nil, recording: record) == .missing }
            return try await !store.allow(endorser, recording: record)
        }
        while try await count("wait_event = 'advisory'") == "0" { try await Task.sleep(for: .milliseconds(20)) }
        _ = try await cluster.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '\(database)' AND wait_event = 'PgSleep'",
            in: "postgres")
        _ = await maker.result
        #expect(try await isMissing.value)
        await store.close()
    }

    @Test("Many that write at once make one trail without gaps, with everything that was done, once")
    func oneChain() async throws {
        let stores = try await stores(4)
        let row = try await workload(stores[0])
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<400 {
                group.addTask {
                    let session = session(number, of: row)
                    #expect(try await stores[number % 4].insert(session))
                    let isRecorded = try await stores[(number + 1) % 4].recordRelease(
                        to: session, at: now, recording: record(.releaseSecret, session))
                    #expect(isRecorded)
                }
            }
            for number in 0..<40 {
                group.addTask {
                    try await stores[number % 4].register(
                        Simulated.registration("w\(number)"), sealed: Sealed(bytes: [1], masterKey: "k"),
                        replacing: false, at: now)
                }
            }
            try await group.waitForAll()
        }
        let entries = try await stores[0].auditEntries(after: 0, limit: 10_000)
        var verifier = TrailVerifier(checkpoints: [])
        for entry in entries { try verifier.read(entry) }
        #expect(entries.count == 841)
        #expect(try await stores[3].auditHead() == verifier.head)
        let actions = try await stores[0].trail().map { $0["action"] }
        #expect(actions.filter { $0 == "secret.release" }.count == 400)
        #expect(actions.filter { $0 == "guest.attest" }.count == 400)
    }

    @Test("No release comes after the end of its session in the trail, whichever server ends it")
    func orderOfEnds() async throws {
        let stores = try await stores(2)
        let row = try await workload(stores[0])
        let now = now
        let released = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<60 {
                let session = session(number, of: row)
                #expect(try await stores[0].insert(session))
                for attempt in 0..<8 {
                    group.addTask {
                        try await stores[attempt % 2].recordRelease(
                            to: session, at: now, recording: record(.releaseSecret, session, by: attempt)) ? 1 : 0
                    }
                }
                group.addTask {
                    let ended = try await stores[number % 2].endSessions(SessionSelection(id: session.id), at: now) {
                        _ in
                        record(.endSession, session)
                    }
                    #expect(ended == 1)
                    return 0
                }
            }
            return try await group.reduce(0, +)
        }
        let trail = try await stores[0].trail()
        var ended: Set<String> = []
        for record in trail {
            let session = record["session"] ?? ""
            if record["action"] == "session.end" { ended.insert(session) }
            if record["action"] == "secret.release" { #expect(!ended.contains(session)) }
        }
        #expect(ended.count == 60)
        #expect(trail.filter { $0["action"] == "secret.release" }.count == released)
    }

    @Test("Nor does one come while its workload is disabled")
    func orderOfDisabling() async throws {
        let stores = try await stores(2)
        let row = try await workload(stores[0])
        let session = session(1, of: row)
        #expect(try await stores[0].insert(session))
        let (id, now) = (try WorkloadID("app"), now)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for number in 0..<200 {
                    _ = try await stores[0].recordRelease(
                        to: session, at: now, recording: record(.releaseSecret, session, by: number))
                }
            }
            group.addTask {
                for _ in 0..<20 {
                    for (isDisabled, action) in [(true, AuditRecord.Action.disableWorkload), (false, .enableWorkload)] {
                        _ = try await stores[1].setDisabled(
                            isDisabled, id, expecting: nil, recording: AuditRecord(action, by: .server, at: now))
                    }
                }
            }
            try await group.waitForAll()
        }
        var isDisabled = false
        for record in try await stores[0].trail() {
            switch record["action"] {
            case "workload.disable": isDisabled = true
            case "workload.enable": isDisabled = false
            case "secret.release": #expect(!isDisabled)
            default: break
            }
        }
    }

    @Test("A workload that is replaced while its guests are served holds nobody up for long, and loses nothing")
    func replacingUnderLoad() async throws {
        let stores = try await stores(2)
        _ = try await workload(stores[0])
        let now = now
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for _ in 0..<20 {
                    try await stores[1].register(
                        Simulated.registration("app"), sealed: Sealed(bytes: [1], masterKey: "k"), replacing: true,
                        at: now)
                }
            }
            for number in 0..<100 {
                group.addTask {
                    let row = try #require(try await stores[0].workload(WorkloadID("app"))).row
                    let session = session(number, of: row)
                    guard try await stores[0].insert(session) else { return }
                    _ = try await stores[0].recordRelease(
                        to: session, at: now, recording: record(.releaseSecret, session))
                }
            }
            try await group.waitForAll()
        }
        var verifier = TrailVerifier(checkpoints: [])
        for entry in try await stores[0].auditEntries(after: 0, limit: 10_000) { try verifier.read(entry) }
    }

    @Test("All that make a server key for the same purpose at once get the same one")
    func sameServerKey() async throws {
        let stores = try await stores(4)
        let now = now
        for purpose in 0..<10 {
            let found = try await withThrowingTaskGroup(of: StoredServerKey.self) { group in
                for number in 0..<4 {
                    group.addTask {
                        try await stores[number].insertFirst(
                            StoredServerKey(
                                name: "purpose \(purpose)", id: "\(number)",
                                sealed: Sealed(bytes: [UInt8(number)], masterKey: "k"), created: now))
                    }
                }
                return try await group.reduce(into: [String]()) { $0.append($1.id) }
            }
            #expect(found.count == 4 && Set(found).count == 1)
            #expect(try await stores[0].serverKeys(named: "purpose \(purpose)").count == 1)
        }
    }

    @Test("Several that start on a new database make its tables once")
    func migrating() async throws {
        let database = try await PostgreSQLCluster.shared.newDatabase()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    let store = try await PostgreSQLStore.connected(to: database)
                    #expect(try await store.countWorkloads() == 0)
                    await store.close()
                }
            }
            try await group.waitForAll()
        }
        let versions = try await PostgreSQLCluster.shared.sql("SELECT version FROM kbs_schema", in: database)
        #expect(versions.split(separator: "\n").count == PostgreSQLSchema.version)
    }

    @Test("A database that a later version has changed is worked on for as long as that version says it can be")
    func laterSchema() async throws {
        let cluster = try await PostgreSQLCluster.shared
        let database = try await cluster.newStoreDatabase()
        let next = PostgreSQLSchema.version + 1
        try await cluster.sql(
            "INSERT INTO kbs_schema VALUES (\(next), \(PostgreSQLSchema.version), 0)", in: database)
        let store = try await PostgreSQLStore.connected(to: database)
        _ = try await workload(store)
        await store.close()
        try await cluster.sql("INSERT INTO kbs_schema VALUES (\(next + 1), \(next), 0)", in: database)
        for migrates in [true, false] {
            let error = await #expect(throws: OtherSchema.self) {
                try await PostgreSQLStore(
                    PostgreSQLConfiguration(uri: cluster.uri(database), timeout: PostgreSQLCluster.patience),
                    migrates: migrates)
            }
            #expect(error?.isLater == true)
        }
    }

    @Test("Whoever makes the schema takes the right to change the trail's records from all who were given it; A17")
    func keptTrail() async throws {
        let cluster = try await PostgreSQLCluster.shared
        let database = try await cluster.newStoreDatabase()
        let role = "role_of_\(database)"
        try await cluster.sql(
            "CREATE ROLE \(role); GRANT SELECT, INSERT, UPDATE, DELETE ON audit TO \(role), PUBLIC", in: database)
        await (try await PostgreSQLStore.connected(to: database)).close()
        let rights = try await cluster.sql(
            """
            SELECT string_agg(has_table_privilege('\(role)', 'audit', right_of)::text, ' ' ORDER BY right_of)
            FROM unnest(ARRAY['DELETE', 'INSERT', 'SELECT', 'TRUNCATE', 'UPDATE']) right_of
            """, in: database)
        #expect(rights.trimmingCharacters(in: .whitespacesAndNewlines) == "false true true false false")
        try await cluster.sql("DROP OWNED BY \(role); DROP ROLE \(role)", in: database)
    }

    @Test("Without the trail's head nothing is recorded, and so nothing is released")
    func missingHead() async throws {
        let stores = try await stores(1)
        let row = try await workload(stores[0])
        let session = session(1, of: row)
        #expect(try await stores[0].insert(session))
        try await stores[0].tamper("DELETE FROM audit_head")
        await #expect(throws: UnexpectedAnswer.self) {
            try await stores[0].recordRelease(to: session, at: now, recording: record(.releaseSecret, session))
        }
    }
}

extension PostgreSQLStore {
    fileprivate func recordRelease(
        to session: StoredSession, at time: Date, recording record: AuditRecord
    ) async throws -> Bool {
        let workload = Workload(
            row: session.workload ?? 0, id: try WorkloadID("app"),
            launch: .snp(measurement: Simulated.measurement("app"), policy: .unstated), configuration: "",
            registered: time)
        let release = ResourceRelease(
            .workload(workload, policy: nil), to: .attested(session.id), denyListState: denyListState)
        return try await self.record(release, at: time, recording: record) == .done
    }
}
