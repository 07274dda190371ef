import Broker
import BrokerSupport
import Concurrency
import Evidence
import EvidenceSupport
import Foundation
import HTTP
import Installation
import Server
import SimulatedHardware
import Storage
import TestSupport
import Testing

extension Replicas {
    @Suite("When a replica or its database fails")
    struct FailureTests {
        @Test("The guests of a replica that is killed in mid-handshake go on at another, and all is in the trail")
        func killed() async throws {
            let database = try await SharedDatabase()
            try await database.register(["app"])
            async let one = ServerProcess.replica(on: database)
            async let other = ServerProcess.replica(on: database)
            let servers = try await [one, other]
            let guest = try Simulated.guest("app")
            let challenges = [
                try await guest.challenge(over: servers[0].transport),
                try await guest.challenge(over: servers[0].transport),
            ]
            try await guest.attest(challenges[1], over: servers[0].transport)
            try await ReplicaLoad.run(on: database, at: servers.map(\.base), mayLoseAnswers: true) { load in
                try await load.boots(more: 10)
                servers[0].send(signal: SIGKILL)
                #expect(try await servers[0].ends(within: .seconds(60)))
                try await load.boots(more: 10)
                try await guest.attest(challenges[0], over: servers[1].transport)
                for challenge in challenges {
                    let secret = try await guest.fetchKey(cookie: challenge.cookie, over: servers[1].transport)
                    #expect(secret == Array("secret".utf8))
                }
            }
        }

        @Test("While PostgreSQL crashes and starts again requests wait or are told to come back, and nothing is lost")
        func restart() async throws {
            let cluster = try await PostgreSQLCluster(.init())
            let database = try await SharedDatabase(on: cluster)
            try await RunningServer.replicas(2, on: database) {
                $1.storage.timeout = 3
            } _: { servers in
                try await ReplicaLoad.run(on: database, at: servers.map(\.base)) { load in
                    try await load.boots(more: 10)
                    try await cluster.stop(.immediate)
                    for server in servers {
                        try await eventually("it is not ready") { try await !server.isReady() }
                        let ready = try await server.send("GET", "/readyz")
                        #expect(ready.body.contains("failed database"))
                        #expect(try await server.send("GET", "/livez").status == 200)
                    }
                    try await eventually("guests are told to come back") { load.postponed > 0 }
                    try await cluster.start()
                    for server in servers { try await eventually("it is ready") { try await server.isReady() } }
                    try await load.boots(more: 10)
                    for server in servers {
                        let lines = server.log.lines
                        #expect(lines.contains { $0.hasPrefix("error The database cannot be reached") })
                        #expect(lines.contains { $0.hasPrefix("notice The database can be reached again") })
                        let metrics = try await server.send("GET", "/metrics").body
                        #expect(metrics.contains(/\nkbs_database_connections [1-9]/))
                        #expect(metrics.contains(/\nkbs_database_connections_lost_total [1-9]/))
                    }
                }
            }
        }

        @Test("When the primary dies and its standby is promoted servers go on there, with all that was acknowledged")
        func failover() async throws {
            let primary = try await PostgreSQLCluster(.init())
            let database = try await SharedDatabase(on: primary)
            let standby = try await primary.standby()
            try await primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'", in: "postgres")
            try await primary.sql("SELECT pg_reload_conf()", in: "postgres")
            try await eventually("commits wait for the standby") {
                try await primary.sql("SELECT sync_state FROM pg_stat_replication", in: "postgres") == "sync"
            }
            let uri = database.uri().replacing(
                "127.0.0.1:\(primary.port)", with: "127.0.0.1:\(primary.port),127.0.0.1:\(standby.port)")
            try await RunningServer.replicas(2, on: database) {
                $1.storage.url = uri
                $1.storage.timeout = 3
            } _: { servers in
                try await ReplicaLoad.run(on: database, at: servers.map(\.base), endingOn: standby) { load in
                    try await load.boots(more: 10)
                    try await primary.stop(.immediate)
                    try await standby.promote()
                    try await load.boots(more: 10)
                    for server in servers { try await eventually("it is ready") { try await server.isReady() } }
                }
            }
        }

        @Test("A replica that is cut off while it holds the trail's head is refused and not ready, and holds nobody up")
        func cutOff() async throws {
            let database = try await SharedDatabase()
            let proxy = try TCPProxy(to: database.cluster.port)
            try await database.register(["app"])
            let guest = try Simulated.guest("app")
            func countAttested() async throws -> Int {
                try await database.verifiedTrail().count { $0["action"] == "guest.attest" }
            }
            var before = 0
            try await RunningServer.replicas(2, on: database) { number, settings in
                // Less than it takes PostgreSQL to find out by itself that nobody is at the other end.
                settings.storage.timeout = 60
                guard number == 0 else { return }
                settings.storage.url = database.uri(port: proxy.port)
                settings.storage.timeout = 3
            } _: { servers in
                let secret = try await patiently { try await guest.boot(over: servers[0].transport) }
                #expect(secret == Array("secret".utf8))
                before = try await countAttested()
                let isCut = Lock(false)
                let entry = Array("\"guest.attest\"".utf8)
                proxy.set(
                    TCPProxy.Rule { direction, piece in
                        // By now it has locked the head; what it adds does not arrive, nor anything after it.
                        isCut.withLock { isCut in
                            isCut = isCut || direction == .toServer && piece.firstRange(of: entry) != nil
                            return isCut ? .swallow : .pass
                        }
                    })
                let challenge = try await patiently { try await guest.challenge(over: servers[0].transport) }
                let body = String(decoding: try guest.evidence(for: challenge.nonce), as: UTF8.self)
                async let refused = servers[0].post("/kbs/v0/attest", body, cookie: challenge.cookie)
                try await eventually("it is cut off") { isCut.withLock { $0 } }
                for _ in 0..<3 {
                    #expect(try await guest.boot(over: servers[1].transport) == Array("secret".utf8))
                }
                let reply = try await refused
                #expect(reply.status == 503 && reply.headers.first(name: "Retry-After") != nil, "\(reply.body)")
                #expect(try await !servers[0].isReady())
                _ = try await servers[1].whenReady()
                proxy.set(.pass)
                try await eventually("it is ready") { try await servers[0].isReady() }
                // What was refused did not happen: the challenge is still good.
                try await patiently { try await guest.attest(challenge, over: servers[0].transport) }
                let fetched = try await patiently {
                    try await guest.fetchKey(cookie: challenge.cookie, over: servers[0].transport)
                }
                #expect(fetched == Array("secret".utf8))
            }
            #expect(try await countAttested() == before + 4)
        }

        @Test("While the database's disk is full nothing is released, guests are told when to come back, and it mends")
        func fullDisk() async throws {
            let database = try await SharedDatabase()
            try await database.register(["app"])
            let guest = try Simulated.guest("app")
            try await RunningServer.replicas(1, on: database) { servers in
                let server = servers[0]
                let (first, second) = (
                    try await guest.challenge(over: server.transport), try await guest.challenge(over: server.transport)
                )
                try await guest.attest(first, over: server.transport)
                // As PostgreSQL says it when a file cannot grow.
                for statement in [
                    """
                    CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                        RAISE 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$
                    """,
                    "CREATE TRIGGER full_disk BEFORE INSERT ON audit EXECUTE FUNCTION full_disk()",
                ] { try await database.cluster.sql(statement, in: database.name) }
                let before = try await database.verifiedTrail().count
                let evidence = String(decoding: try guest.evidence(for: second.nonce), as: UTF8.self)
                for _ in 0..<2 {
                    let replies = [
                        try await server.send(
                            "GET", "/kbs/v0/key/app", headers: [("Cookie", "session_id=\(first.cookie)")]),
                        try await server.post("/kbs/v0/attest", evidence, cookie: second.cookie),
                    ]
                    for reply in replies {
                        #expect(reply.status == 503 && reply.code == "unavailable", "\(reply.body)")
                        #expect(reply.headers.first(name: "Retry-After") == "30")
                    }
                }
                #expect(try await database.verifiedTrail().count == before)
                #expect(server.log.lines.contains { $0.contains("53100") })
                try await database.cluster.sql("DROP TRIGGER full_disk ON audit", in: database.name)
                #expect(
                    try await guest.fetchKey(cookie: first.cookie, over: server.transport) == Array("secret".utf8))
                try await guest.attest(second, over: server.transport)
            }
        }

        @Test(
            "On a disk that is really full registrations are refused for now, what was acknowledged stays, and it mends",
            .enabled("a file system can be mounted here", SmallDisk.canBeMade))
        func reallyFullDisk() async throws {
            let cluster = try await PostgreSQLCluster(.init())
            let database = try await SharedDatabase(on: cluster)
            let disk = try await SmallDisk(megabytes: 24)
            func sql(_ statement: String) async throws { try await cluster.sql(statement, in: "postgres") }
            try await sql("CREATE TABLESPACE small LOCATION '\(disk.folder.path)'")
            try await sql("ALTER DATABASE \(database.name) SET TABLESPACE small")
            try await RunningServer.replicas(1, on: database) { servers in
                let server = servers[0]
                try await server.register("app")
                let guest = try Simulated.guest("app")
                #expect(try await guest.boot(over: server.transport) == Array("secret".utf8))
                try await database.cluster.sql(
                    "CREATE TABLE filler (text TEXT) WITH (autovacuum_enabled = off)", in: database.name)
                await #expect(throws: PostgreSQLCluster.Failure.self) {
                    try await database.cluster.sql(
                        "INSERT INTO filler SELECT md5(generate_series(1, 100000000)::text)",
                        in: database.name)
                }
                var (registered, refused) = ([] as [String], nil as RunningServer.Reply?)
                while refused == nil {
                    let id = "app-\(registered.count)"
                    let reply = try await server.post(
                        "/kbs/v0/register_workload",
                        """
                        {"workload_id":"\(id)","launch_measurement":"\(String(repeating: "ab", count: 48))",\
                        "tee_config":"","passphrase":"\(String(repeating: "x", count: 100))"}
                        """)
                    if reply.status == 200 { registered.append(id) } else { refused = reply }
                }
                #expect(refused?.status == 503 && refused?.code == "unavailable", "\(refused?.body ?? "")")
                #expect(refused?.headers.first(name: "Retry-After") == "30")
                let there = try await database.cluster.sql("SELECT id FROM workloads", in: database.name)
                #expect(Set(there.split(separator: "\n").map(String.init)) == Set(registered + ["app"]))
                try await database.cluster.sql("DROP TABLE filler", in: database.name)
                try await server.register("more")
                #expect(try await guest.boot(over: server.transport) == Array("secret".utf8))
            }
            let trail = try await database.verifiedTrail()
            #expect(trail.filter { $0["action"] == "secret.release" }.count == 2)
            try await cluster.stop(.immediate)
            await disk.remove()
        }
    }
}
