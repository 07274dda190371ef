import Broker
import BrokerSupport
import PostgreSQL
import Testing

@testable import Storage

@Suite("Lookups in PostgreSQL")
struct LookupTests {
    @Test("A statement that both databases run has PostgreSQL's parameters and function there")
    func text() {
        let text: SQLText = "SELECT instr(a, ?1) AS instruments FROM t WHERE b = ?12 AND instr(c, ?2) > 0"
        #expect(
            text.postgreSQL == "SELECT strpos(a, $1) AS instruments FROM t WHERE b = $12 AND strpos(c, $2) > 0")
    }

    @Test("A lookup that gets no answer holds up no other", .timeLimit(.minutes(10)))
    func stuck() async throws {
        let cluster = try await PostgreSQLCluster.shared
        let database = try await cluster.newStoreDatabase()
        let store = try await PostgreSQLStore(
            PostgreSQLConfiguration(uri: cluster.uri(database), timeout: PostgreSQLCluster.patience), manifest: .tested)
        func count(_ condition: String) async throws -> String {
            try await cluster.sql(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = '\(database)' AND \(condition)", in: "postgres")
        }
        let holder = Task {
            try await cluster.sql("BEGIN; LOCK TABLE workloads; SELECT pg_sleep(600) /* holds it */", in: database)
        }
        while try await count("wait_event = 'PgSleep'") == "0" { try await Task.sleep(for: .milliseconds(20)) }
        let stuck = Task { try await store.workload(WorkloadID("app")) }
        while try await count("wait_event_type = 'Lock'") == "0" { try await Task.sleep(for: .milliseconds(20)) }

        let head = try await store.auditHead()

        #expect(head == .start)
        #expect(try await count("wait_event_type = 'Lock'") == "1")
        _ = try await cluster.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '\(database)' AND wait_event = 'PgSleep'",
            in: "postgres")
        _ = await holder.result
        #expect(try await stuck.value == nil)
        await store.close()
    }
}
