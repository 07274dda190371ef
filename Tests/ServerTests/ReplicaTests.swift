import Broker
import Evidence
import Foundation
import Server
import Storage
import TestSupport
import Testing

@Suite("Guests of servers that share a PostgreSQL database")
struct ReplicaTests {
    /// Two servers with one database and one master key.
    private func replicas(_ body: (RunningServer, RunningServer) async throws -> Void) async throws {
        let database = try await PostgreSQLCluster.shared.newStoreDatabase()
        let url = try await PostgreSQLCluster.shared.uri(database)
        let folder = try TemporaryFolder()
        let key = folder.file("master.key")
        try KeyFile(key).write([Data(repeating: 7, count: 32)].map { .init(data: $0) })
        func settings(_ settings: inout Settings) {
            settings.storage.url = url
            settings.masterKeys.master = .file(key)
        }
        try await RunningServer.run(settings) { one in
            try await RunningServer.run(settings) { other in try await body(one, other) }
        }
    }

    @Test("A guest begins to attest at one, ends at the other, and gets its resource from the first")
    func handshake() async throws {
        try await replicas { one, other in
            try await other.put("default/key/1", "a key")
            let challenge = try await one.components().challenge()
            let token = try await other.components().attest(challenge)
            let (here, there) = (try one.components(), try other.components())
            #expect(try await here.fetch("default/key/1", cookie: challenge.cookie) == Array("a key".utf8))
            #expect(try await there.fetch("default/key/1", cookie: challenge.cookie) == Array("a key".utf8))
            #expect(try await here.fetch("default/key/1", token: token) == Array("a key".utf8))
        }
    }

    @Test("A token that one gave is worth nothing at either once the guest's session was ended at the other")
    func ended() async throws {
        try await replicas { one, other in
            try await one.put("default/key/1")
            let guest = try one.components()
            let token = try await guest.attest(try await guest.challenge())
            let chip = Hex.encode(try Simulated.snp.chipID)
            let ended = try await other.send("DELETE", "/api/v1/sessions?chip=\(chip)")
            #expect(ended.status == 200)
            for server in [one, other] {
                let refused = try await refusal {
                    _ = try await server.components().fetch("default/key/1", token: token)
                }
                #expect(refused.status == 401)
            }
        }
    }

    @Test("A challenge that is answered at both at once is one session, and one token")
    func answeredTwice() async throws {
        try await replicas { one, other in
            for _ in 0..<10 {
                let (here, there) = (try one.components(), try other.components())
                let challenge = try await here.challenge()
                let evidence = try here.evidence(for: challenge)
                async let first = here.attest(challenge, evidence)
                async let second = there.attest(challenge, evidence)
                #expect(try await first == second)
            }
            let sessions = try await one.send("GET", "/api/v1/sessions")
            let list = try JSONDecoder().decode(Sessions.self, from: Data(sessions.body.utf8))
            #expect(list.sessions.count == 10)
        }
    }

    private struct Sessions: Decodable {
        struct Session: Decodable { let id: String }
        let sessions: [Session]
    }
}
