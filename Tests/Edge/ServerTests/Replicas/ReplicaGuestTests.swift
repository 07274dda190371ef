import Broker
import BrokerSupport
import Bytes
import Crypto
import Evidence
import EvidenceSupport
import Foundation
import Installation
import MasterKeys
import Server
import SimulatedHardware
import TestSupport
import Testing

@Suite("Guests of servers that share a PostgreSQL database")
struct ReplicaGuestTests {
    /// Two servers with one database and one master key.
    private func replicas(_ body: (RunningServer, RunningServer) async throws -> Void) async throws {
        let database = try await PostgreSQLCluster.shared.newStoreDatabase()
        let url = try await PostgreSQLCluster.shared.uri(database)
        let folder = try TemporaryFolder()
        let key = folder.file("master.key")
        try KeyFile(key).write([SymmetricKey(size: .bits256)])
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
            let key = GuestComponentKey.elliptic
            let (here, there) = (try one.components(key: key), try other.components(key: key))
            let challenge = try await here.challenge()
            let token = try await there.attest(challenge)
            #expect(try await here.fetch("default/key/1", cookie: challenge.cookie) == Array("a key".utf8))
            #expect(try await there.fetch("default/key/1", cookie: challenge.cookie) == Array("a key".utf8))
            #expect(try await here.fetch("default/key/1", token: token) == Array("a key".utf8))
        }
    }

    @Test("A token that one gave is worth nothing at either once the guest's session was ended at the other")
    func ended() async throws {
        try await replicas { one, other in
            try await one.put("default/key/1")
            let key = GuestComponentKey.elliptic
            let guest = try one.components(key: key)
            let token = try await guest.attest(try await guest.challenge())
            #expect(try await guest.fetch("default/key/1", token: token) == Array("secret".utf8))
            let chip = Hex.encode(try Simulated.snp.chipID)
            let ended = try await other.send("DELETE", "/api/v1/sessions?chip=\(chip)")
            #expect(ended.status == 200)
            for server in [one, other] {
                let refused = try await refusal {
                    _ = try await server.components(key: key).fetch("default/key/1", token: token)
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
