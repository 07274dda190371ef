import Broker
import BrokerSupport
import Concurrency
import Evidence
import EvidenceSupport
import Foundation
import PostgreSQL
import TestSupport
import Testing

@testable import Storage

@Suite("When PostgreSQL fails")
struct PostgreSQLFailureTests {
    let now = Date(timeIntervalSince1970: 1_760_000_000)

    private func store(
        _ cluster: PostgreSQLCluster, _ database: String, through proxy: TCPProxy? = nil,
        timeout: Duration = PostgreSQLCluster.patience
    ) async throws -> PostgreSQLStore {
        try await PostgreSQLStore(
            PostgreSQLConfiguration(
                uri: cluster.uri(database, port: proxy?.port), connections: 4, timeout: timeout), manifest: .tested)
    }

    private func record(_ text: String) -> AuditRecord {
        AuditRecord(.startServer, by: .server, details: ["what": text], at: now)
    }

    private func register(_ id: String, in store: PostgreSQLStore) async throws -> RegistrationOutcome {
        try await store.register(
            Simulated.registration(id), sealed: Sealed(bytes: [1], masterKey: "k"), replacing: false, expecting: nil,
            at: now
        ) { [now] _ in AuditRecord(.registerWorkload, by: .server, details: ["what": "marked \(id)"], at: now) }
    }

    @Test("What is asked while the server is started again waits for it, and the connections are made anew")
    func restart() async throws {
        let cluster = try await PostgreSQLCluster(.init())
        let store = try await store(cluster, try await cluster.newStoreDatabase())
        #expect(try await register("a", in: store).isReplacement == false)
        let told = Lock<[ConnectionEvent]>([])
        store.observeConnections { event in told.withLock { $0.append(event) } }
        try await cluster.stop(.immediate)
        async let found = store.workload(WorkloadID("a"))
        async let recorded: Void = store.record([record("after")], attempt: nil)
        async let registered = register("b", in: store)
        try await cluster.start()
        #expect(try await found != nil)
        try await recorded
        #expect(try await registered.isReplacement == false)
        #expect(try await store.trail().compactMap { $0["what"] }.sorted() == ["after", "marked a", "marked b"])
        await store.close()
        let events = told.withLock { $0 }
        #expect(events.contains(.connected))
        #expect(events.contains { if case .lost = $0 { true } else { false } })
    }

    @Test("Whoever waits for longer than a request may is told to come back")
    func deadline() async throws {
        let cluster = try await PostgreSQLCluster.shared
        let database = try await cluster.newStoreDatabase()
        let proxy = try TCPProxy(to: cluster.port)
        let store = try await eventually {
            try await self.store(cluster, database, through: proxy, timeout: .seconds(3))
        }
        #expect(try await eventually { try await store.workload(WorkloadID("a")) == nil })
        proxy.set(.swallow)
        let lookup = await #expect(throws: Refusal.self) { try await store.workload(WorkloadID("a")) }
        let write = await #expect(throws: Refusal.self) { try await store.record([record("x")], attempt: nil) }
        let change = await #expect(throws: Refusal.self) { try await register("a", in: store) }
        for refusal in [lookup, write, change] {
            #expect(refusal?.code == .unavailable)
            #expect(refusal?.retryAfter != nil)
        }
        proxy.set(.pass)
        // The lost connection is found out, and another is made.
        #expect(try await eventually { try await store.workload(WorkloadID("a")) == nil })
        await store.close()
    }

    /// Tries again while the store is not available.
    private func eventually<T>(_ body: () async throws -> T) async throws -> T {
        for _ in 0..<60 {
            do { return try await body() } catch let refusal as Refusal where refusal.code == .unavailable {
                continue
            } catch is PostgreSQLUnusable {
                continue
            }
        }
        return try await body()
    }

    @Test(
        "A commit whose answer is lost is found done, and is not done twice",
        arguments: [TCPProxy.Direction.toClient, .toServer], ["record", "register"])
    func lostAnswer(_ direction: TCPProxy.Direction, _ what: String) async throws {
        let cluster = try await PostgreSQLCluster.shared
        let database = try await cluster.newStoreDatabase()
        let proxy = try TCPProxy(to: cluster.port)
        let store = try await store(cluster, database, through: proxy)
        // Statements are prepared by now, so that a pipeline is one piece.
        try await store.record([record("first")], attempt: nil)
        #expect(try await register("first", in: store).isReplacement == false)
        let cuts = Lock(0)
        let sign = direction == .toClient ? Array("COMMIT\0".utf8) : Array("\"what\":\"marked".utf8)
        proxy.set(
            TCPProxy.Rule { way, piece in
                guard way == direction, piece.firstRange(of: sign) != nil else { return .pass }
                return cuts.withLock { cuts in
                    cuts += 1
                    return cuts == 1 ? .cut : .pass
                }
            })
        if what == "record" {
            try await store.record([record("marked")], attempt: nil)
        } else {
            #expect(try await register("x", in: store).isReplacement == false)
        }
        #expect(cuts.withLock { $0 } >= 1)
        let trail = try await store.trail().compactMap { $0["what"] }
        #expect(trail == ["first", "marked first", what == "record" ? "marked" : "marked x"])
        await store.close()
    }

    @Test("The same words by another server at the same place in the trail are not taken for one's own")
    func anothersEntry() async throws {
        let cluster = try await PostgreSQLCluster.shared
        let database = try await cluster.newStoreDatabase()
        let proxy = try TCPProxy(to: cluster.port)
        let store = try await store(cluster, database, through: proxy)
        let other = try await PostgreSQLStore.connected(to: database)
        _ = try await register("app", in: other)
        let row = try #require(try await other.workload(WorkloadID("app"))).row
        func session(_ number: UInt8) -> StoredSession {
            StoredSession(
                id: Array(repeating: number, count: 16), workload: row, chip: "",
                opened: now, expires: now.addingTimeInterval(100), code: [1], masterKey: "k")
        }
        #expect(try await store.insert(session(1)))
        let isCut = AsyncStream.makeStream(of: Void.self)
        let words = Array("\"action\":\"guest.attest\"".utf8)
        proxy.set(
            TCPProxy.Rule { way, piece in
                guard way == .toServer, piece.firstRange(of: words) != nil else { return .pass }
                // From here on nothing comes through.
                proxy.set(.cut)
                isCut.continuation.finish()
                return .cut
            })
        let first = session(2)
        async let mine = store.insert(first)
        for await _ in isCut.stream {}
        #expect(try await other.insert(first))
        proxy.set(.pass)
        #expect(try await !mine)
        #expect(try await other.trail().filter { $0["action"] == "guest.attest" }.count == 2)
        await store.close()
    }

    @Test("Connections that an administrator ends under load lose nothing, and nothing is done twice")
    func endedConnections() async throws {
        let cluster = try await PostgreSQLCluster.shared
        let database = try await cluster.newStoreDatabase()
        let store = try await store(cluster, database)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<10 {
                group.addTask {
                    for part in 0..<20 {
                        try await store.record([record("\(number)/\(part)")], attempt: nil)
                        _ = try await store.workload(WorkloadID("a"))
                    }
                }
            }
            group.addTask {
                for _ in 0..<4 {
                    try await cluster.sql(
                        """
                        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                        WHERE datname = '\(database)' AND pid <> pg_backend_pid()
                        """, in: "postgres")
                }
            }
            try await group.waitForAll()
        }
        let said = try await store.trail().compactMap { $0["what"] }
        #expect(said.count == 200)
        #expect(Set(said).count == 200)
        await store.close()
    }

    @Test("A standby that takes the primary's place is found, with what was acknowledged and replicated")
    func failover() async throws {
        let primary = try await PostgreSQLCluster(.init())
        let database = try await primary.newStoreDatabase()
        let standby = try await primary.standby()
        let uri = primary.uri(database).replacing(
            "127.0.0.1:\(primary.port)", with: "127.0.0.1:\(primary.port),127.0.0.1:\(standby.port)")
        let store = try await PostgreSQLStore(
            PostgreSQLConfiguration(uri: uri, connections: 4, timeout: PostgreSQLCluster.patience), manifest: .tested)
        try await store.record([record("before")], attempt: nil)
        while try await standby.sql("SELECT count(*) FROM audit", in: database) != "1" {}
        try await primary.stop(.immediate)
        async let after: Void = store.record([record("after")], attempt: nil)
        try await standby.promote()
        try await after
        #expect(try await store.trail().map { $0["what"] } == ["before", "after"])
        await store.close()
    }
}
