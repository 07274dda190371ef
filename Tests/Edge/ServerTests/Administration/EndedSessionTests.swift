import Broker
import BrokerSupport
import Crypto
import EvidenceSupport
import Foundation
@testable import Installation
import Logging
import SimulatedHardware
import Storage
import TestSupport
import Testing

@testable import Server

@Suite("Sessions that an operator ends")
struct EndedSessionTests {
    @Test("What attested once does not attest again, though its session was ended while its challenge is good")
    func replay() async throws {
        try await RunningServer.run { server in
            try await server.register("app")
            let guest = try Simulated.guest("app")
            let challenge = try await guest.challenge(over: server.transport)
            let body = String(decoding: try guest.evidence(for: challenge.nonce), as: UTF8.self)
            let attest = { try await server.post("/kbs/v0/attest", body, cookie: challenge.cookie) }
            let key = {
                try await server.send("GET", "/kbs/v0/key/app", headers: [("Cookie", "session_id=\(challenge.cookie)")])
            }
            #expect(try await attest().status == 200)
            #expect(try await key().status == 200)
            #expect(try await server.send("DELETE", "/api/v1/sessions?workload=app").status == 200)
            #expect(try await key().status == 401)
            // As the server does once a minute.
            let opened = try await BrokerAssembly(opening: server.settings)
            let housekeeping = Housekeeping(
                broker: opened.broker, store: opened.store, attemptsKept: 10,
                logger: Logger(label: "test") { _ in NoOpLogHandler() })
            try await housekeeping.sweep(at: Date().addingTimeInterval(60))
            let again = try await attest()
            #expect(again.status >= 400 && again.code == "challenge_used", "\(again.status) \(again.body)")
            #expect(try await key().status == 401)
            try await housekeeping.sweep(at: Date().addingTimeInterval(opened.broker.lifetimes.challenge + 60))
            #expect(try await opened.store.sweepSessions(before: .distantFuture) == 0, "now it is gone")
        }
    }
}
