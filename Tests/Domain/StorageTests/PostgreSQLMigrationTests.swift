import Broker
import BrokerSupport
import Foundation
import Testing

@testable import Storage

@Suite("A PostgreSQL database of version 1")
struct PostgreSQLMigrationTests {
    private let now = Date(timeIntervalSince1970: 1_760_000_000)

    /// With a workload, a session and an attempt, as that version wrote them.
    private func database() async throws -> String {
        let database = try await PostgreSQLCluster.shared.newDatabase()
        let statements =
            PostgreSQLSchema.migrations[0].statements + [
                "INSERT INTO schema_versions VALUES (1, 'first', 1, 0)",
                "INSERT INTO workloads (id, tee, registered, disabled) VALUES ('default/key/1', 'sev', 0, 0)",
                "INSERT INTO measurements VALUES (1, '\\x01')", "INSERT INTO configs VALUES (1, '', 0)",
                "INSERT INTO secrets VALUES (1, '\\x07', 'k')",
                """
                INSERT INTO sessions (id, workload, binding, chip, expires, code, opened, master_key) VALUES
                    ('\\x00112233445566778899aabbccddeeff', 1, '\\x01', '', 1760000100, '\\x02', 0, 'k')
                """, Self.attempt, "INSERT INTO master_keys VALUES ('k', 0, 1, NULL)",
            ]
        try await PostgreSQLCluster.shared.sql(statements.joined(separator: ";\n"), in: database)
        return database
    }

    /// Words of version 1.
    private static let attempt = """
        INSERT INTO attempts (time, workload, tee, session, chip, outcome, code, sentence, verdict) VALUES
            (0, 'default/key/1', 'sev', '', '', 'refused', 'evidence_refused', 'why', '')
        """

    private func put(_ number: Int, on store: PostgreSQLStore) async throws -> ResourcePutOutcome {
        try await store.put(
            NewResourceVersion(
                path: ResourcePath("default/key/2"), number: number, sealed: Sealed(bytes: [1], masterKey: "k"),
                size: 1, policy: nil), expecting: nil, at: now
        ) { _ in AuditRecord(.putResource, by: .server, at: now) }
    }

    @Test("What it holds is there after it is brought up to date, beside room for guests and resources")
    func migrated() async throws {
        let database = try await database()
        let configuration = try await PostgreSQLConfiguration(
            uri: PostgreSQLCluster.shared.uri(database), connections: 4, timeout: .seconds(30))
        let earlier = await #expect(throws: OtherSchema.self) {
            try await PostgreSQLStore(configuration, migrates: false)
        }
        #expect(earlier?.isLater == false)
        let store = try await PostgreSQLStore(configuration)
        let id = try WorkloadID("default/key/1")
        #expect(try await store.sealedSecret(of: id)?.sealed == Sealed(bytes: [7], masterKey: "k"))
        #expect(try await store.sessions(.all, after: [], limit: 10, at: now).map(\.workload) == [id])
        let attempt = try #require(try await store.attempts(AttemptSelection(), before: .max, limit: 10).first)
        #expect(attempt.action == "guest.attest" && attempt.sentence == "why")
        guard case .done = try await put(1, on: store) else {
            Issue.record("It was not put.")
            return
        }
        #expect(try await store.countResources() == 1)
    }

    @Test(
        "A program of version 1 goes on beside the new ones, and cannot give up a key that resources are sealed under")
    func besides() async throws {
        let database = try await database()
        let store = try await PostgreSQLStore.connected(to: database)
        try await PostgreSQLCluster.shared.sql(Self.attempt, in: database)
        let actions = try await store.attempts(AttemptSelection(), before: .max, limit: 10).map(\.action)
        #expect(actions == ["guest.attest", "guest.attest"])
        let retire = "UPDATE master_keys SET retired = 2 WHERE id = 'k' AND superseded IS NOT NULL"
        _ = try await put(1, on: store)
        let failure = await #expect(throws: PostgreSQLCluster.Failure.self) {
            try await PostgreSQLCluster.shared.sql(retire, in: database)
        }
        #expect(failure?.description.contains("resources are sealed under the master key k") == true)
        _ = try await store.removeResource(
            ResourcePath("default/key/2"), expecting: nil, recording: AuditRecord(.removeResource, by: .server, at: now)
        )
        try await PostgreSQLCluster.shared.sql(retire, in: database)
        #expect(try await put(1, on: store) == .keyRetired)
    }
}
