import Broker
import BrokerSupport
import Crypto
import Evidence
import EvidenceSupport
import Foundation
import Installation
import MasterKeys
import Server
import SimulatedHardware
import Storage
import TestSupport
import Testing

/// One at a time: each has several servers under load, and tests of time limits run beside them.
@Suite("Replicas", .serialized) enum Replicas {}

extension Replicas {
    @Suite("Any replica takes any request")
    struct AnyReplicaTests {
        @Test("A guest is challenged by one, attests to another and gets its secret from a third, in any order")
        func anyOrder() async throws {
            let database = try await SharedDatabase()
            try await RunningServer.replicas(3, on: database) { servers in
                try await servers[0].register("app")
                let guest = try Simulated.guest("app")
                for order in [[0, 1, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
                    let transports = order.map { servers[$0].transport }
                    let challenge = try await guest.challenge(over: transports[0])
                    try await guest.attest(challenge, over: transports[1])
                    for transport in transports.reversed() {
                        #expect(
                            try await guest.fetchKey(cookie: challenge.cookie, over: transport) == Array("secret".utf8))
                    }
                }
            }
            let trail = try await database.verifiedTrail()
            #expect(trail.filter { $0["action"] == "guest.attest" }.count == 4)
            #expect(trail.filter { $0["action"] == "secret.release" }.count == 12)
        }

        @Test("Of two replicas that get the answer to a challenge at once exactly one takes it")
        func sameAnswer() async throws {
            let database = try await SharedDatabase()
            try await RunningServer.replicas(2, on: database) { servers in
                try await servers[1].register("app")
                let guest = try Simulated.guest("app")
                for _ in 0..<10 {
                    let challenge = try await guest.challenge(over: servers[0].transport)
                    let body = String(decoding: try guest.evidence(for: challenge.nonce), as: UTF8.self)
                    async let one = servers[0].post("/kbs/v0/attest", body, cookie: challenge.cookie)
                    async let other = servers[1].post("/kbs/v0/attest", body, cookie: challenge.cookie)
                    let replies = try await [one, other]
                    #expect(replies.filter { $0.status == 200 }.count == 1)
                    #expect(
                        replies.filter { (400..<500).contains($0.status) && $0.code == "challenge_used" }.count == 1)
                    for server in servers {
                        let secret = try await guest.fetchKey(cookie: challenge.cookie, over: server.transport)
                        #expect(secret == Array("secret".utf8))
                    }
                }
            }
            let sessions = try await database.verifiedTrail().filter {
                $0["action"] == "guest.attest" && $0["outcome"] == "done"
            }.map { $0["session"] }
            #expect(sessions.count == 10 && Set(sessions).count == 10)
        }

        @Test("What an operator does at one replica holds at the others from the very next request")
        func atOnce() async throws {
            let database = try await SharedDatabase()
            try await RunningServer.replicas(2, on: database) { servers in
                let guest = try Simulated.guest("app")
                let path = "/api/v1/workloads/app"
                /// A guest with a session that every replica has answered.
                func session() async throws -> String {
                    let challenge = try await guest.challenge(over: servers[0].transport)
                    try await guest.attest(challenge, over: servers[1].transport)
                    for server in servers {
                        _ = try await guest.fetchKey(cookie: challenge.cookie, over: server.transport)
                    }
                    return challenge.cookie
                }
                func refusal(_ cookie: String, by server: RunningServer) async throws -> String {
                    let reply = try await server.send(
                        "GET", "/kbs/v0/key/app", headers: [("Cookie", "session_id=\(cookie)")])
                    return "\(reply.status) \(reply.code)"
                }
                try await servers[0].register("app")
                for (here, there) in [(servers[0], servers[1]), (servers[1], servers[0])] {
                    var cookie = try await session()
                    #expect(try await here.call("DELETE", "/api/v1/sessions?workload=app").status == 200)
                    #expect(try await refusal(cookie, by: there) == "401 session_invalid")

                    cookie = try await session()
                    #expect(try await here.call("PATCH", path, #"{"disabled":true}"#).status == 200)
                    #expect(try await refusal(cookie, by: there) == "403 workload_disabled")
                    await #expect(throws: GuestTransport.Refused.self) { try await guest.boot(over: there.transport) }
                    #expect(try await here.call("PATCH", path, #"{"disabled":false}"#).status == 200)
                    #expect(try await refusal(cookie, by: there).hasPrefix("200 "))

                    #expect(try await here.call("DELETE", path).status == 204)
                    #expect(try await refusal(cookie, by: there) == "401 session_invalid")
                    try await here.register("app", secret: "another")
                    #expect(try await guest.boot(over: there.transport) == Array("another".utf8))
                    try await there.register("app")
                }
            }
        }

        @Test("Sessions that the command line ends have ended on the latest clock too, as those that a server ends; D1")
        func endedByCommand() async throws {
            let database = try await SharedDatabase()
            try await RunningServer.replicas(1, on: database) { servers in
                try await servers[0].register("app")
                let guest = try Simulated.guest("app")
                let challenge = try await guest.challenge(over: servers[0].transport)
                try await guest.attest(challenge, over: servers[0].transport)
                let ended = try await Command.run(
                    "sessions", "end", "--all",
                    environment: [
                        "KBS_STORAGE_URL": database.uri(), "KBS_KEYS_MASTER": "file:\(database.keyFile.path)",
                        "KBS_DATA": database.folder.file("command").path,
                    ])
                #expect(ended.status == 0 && ended.output == "Ended 1 session.\n", "\(ended.errors)")
                let expires = try await database.cluster.sql(
                    "SELECT extract(epoch FROM now())::bigint - max(expires) FROM sessions", in: database.name)
                let past = try #require(Int(expires))
                #expect(past >= 120, "two tolerances of a minute")
                let key = try await servers[0].transport.send(.get, "/key/app", cookie: challenge.cookie)
                #expect(key.status == 401)
            }
        }

        @Test("A token that was revoked at one replica is refused by the other at the very next request")
        func revokedToken() async throws {
            let database = try await SharedDatabase()
            try await RunningServer.replicas(2, on: database) { servers in
                let admin = try await servers[0].token(.admin)
                let token = try await servers[0].token(.auditor)
                let id = token.dropFirst(4).prefix(12)
                let read = { try await servers[1].call("GET", "/api/v1/sessions", token: token).status }
                #expect(try await read() == 200)
                #expect(try await servers[0].call("DELETE", "/api/v1/tokens/\(id)", token: admin).status == 204)
                #expect(try await read() == 401)
            }
        }
    }

    @Suite("Replicas start")
    struct StartingTests {
        @Test("Several that start together on an empty database make one schema and sign with one key")
        func together() async throws {
            let database = try await SharedDatabase(isEmpty: true)
            let folders = try (0..<4).map { _ in try TemporaryFolder() }
            try await withThrowingTaskGroup(of: ServerProcess.self) { group in
                for folder in folders {
                    group.addTask { try await ServerProcess.start(folder, arguments: database.arguments) }
                }
                var servers: [ServerProcess] = []
                for try await server in group { servers.append(server) }
                #expect(servers.allSatisfy { !$0.log.contains(" error ") })
                for server in servers { server.send(signal: SIGTERM) }
                for server in servers {
                    #expect(try await server.ends(within: .seconds(60)))
                    #expect(server.status == 0)
                }
            }
            let versions = try await database.cluster.sql(
                "SELECT count(*) = max(version) FROM kbs_schema", in: database.name)
            #expect(versions == "t")
            let keys = try folders.map { folder in
                let file = CheckpointFile(folder.file("data/checkpoints"))
                return try Set(file.read().map(\.publicKey))
            }
            #expect(keys.allSatisfy { $0.count == 1 } && Set(keys).count == 1)
            let trail = try await database.verifiedTrail()
            #expect(trail.filter { $0["action"] == "server.start" }.count == 4)
        }

        @Test(
            "A replica whose clock is more than a minute off the database's is not ready, and says so",
            arguments: [(90, "90 seconds behind"), (-90, "90 seconds ahead of"), (30, "")])
        func clock(offset: Int, complaint: String) async throws {
            let database = try await SharedDatabase()
            // Found before PostgreSQL's own.
            for statement in [
                "CREATE SCHEMA skewed",
                """
                CREATE FUNCTION skewed.clock_timestamp() RETURNS timestamptz LANGUAGE sql
                AS 'SELECT pg_catalog.clock_timestamp() + interval ''\(offset) seconds'''
                """, "ALTER DATABASE \(database.name) SET search_path = public, skewed, pg_catalog",
            ] { try await database.cluster.sql(statement, in: database.name) }
            try await RunningServer.replicas(1, on: database) { servers in
                if complaint.isEmpty {
                    #expect(try await servers[0].whenReady().body.contains("ok clock\n"))
                } else {
                    var page = ""
                    try await eventually("its checks are done in time") {
                        let ready = try await servers[0].send("GET", "/readyz")
                        #expect(ready.status == 503)
                        page = ready.body
                        return page.contains(" seconds ") && !page.contains("no answer within")
                    }
                    // The answer takes its time on a slow machine.
                    let seconds = try #require(page.firstMatch(of: /failed clock: .* (\d+) seconds (.*) the/))
                    #expect(abs((Int(seconds.output.1) ?? 0) - 90) < 10)
                    #expect(complaint.hasSuffix(seconds.output.2))
                }
            }
        }
    }

    @Suite("Rotation of the master key across replicas")
    struct KeyTests {
        @Test(
            "First every replica gets the new key beside the old, then it becomes the active one; guests notice nothing"
        )
        func rotation() async throws {
            let database = try await SharedDatabase()
            let (new, newKey) = (database.folder.file("new.key"), SymmetricKey(size: .bits256))
            try SharedDatabase.write(newKey, to: new)
            let newID = KeyRing(master: newKey).held.active.id
            let (oldSource, newSource) = (MasterKeySource.file(database.keyFile), MasterKeySource.file(new))
            let stages: [MasterKeySources] = [
                MasterKeySources(master: oldSource),
                MasterKeySources(master: oldSource, previous: [newSource]),
                MasterKeySources(master: newSource, previous: [oldSource]),
            ]
            let guest = try Simulated.guest("app")
            var registered = 0
            // One replica has been running when the other is started with the next stage's settings.
            for (running, started) in [(0, 0), (0, 1), (1, 1), (1, 2), (2, 2)] {
                try await RunningServer.replicas(2, on: database) { number, settings in
                    settings.masterKeys = stages[number == 0 ? running : started]
                } _: { servers in
                    if registered == 0 { try await servers[0].register("app") }
                    if started == 2 {
                        try await eventually("everything is moved") {
                            try await database.cluster.sql(
                                "SELECT count(*) FROM secrets WHERE master_key <> '\(newID)'", in: database.name) == "0"
                        }
                    }
                    for (one, other) in [(servers[0], servers[1]), (servers[1], servers[0])] {
                        let challenge = try await guest.challenge(over: one.transport)
                        try await guest.attest(challenge, over: other.transport)
                        for server in [one, other] {
                            let secret = try await guest.fetchKey(cookie: challenge.cookie, over: server.transport)
                            #expect(secret == Array("secret".utf8), "stages \(running) and \(started)")
                        }
                        registered += 1
                        try await one.register("app-\(registered)")
                        let another = try Simulated.guest("app-\(registered)")
                        #expect(try await another.boot(over: other.transport) == Array("secret".utf8))
                    }
                }
            }
            let usage = try await database.withStore { try await $0.masterKeyUsage(at: Date()) }
            #expect(usage.filter(\.isActive).map(\.id) == [newID])
            #expect(usage.first(where: \.isActive)?.secrets == 11)
            _ = try await database.verifiedTrail()
        }
    }
}
