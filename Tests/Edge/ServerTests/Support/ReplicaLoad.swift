import BrokerSupport
import Bytes
import Concurrency
import Crypto
import Evidence
import EvidenceSupport
import Foundation
import HTTP
import HTTPClient
import SimulatedHardware
import Storage
import TestSupport
import Testing

/// Guests that boot over and over and registrars that register, each call at another server, while a test breaks
/// something; and what must be true of it all afterwards.
final class ReplicaLoad: Sendable {
    private struct Outcome {
        /// Servers that are not known to be gone, as a load balancer sees it.
        var bases: [String]
        /// By session, in hex as the trail has it: how often its key was asked for, and how often it came.
        var asked: [String: Int] = [:]
        var received: [String: Int] = [:]
        var registered: [String] = []
        var boots = 0
        /// Answers that said to come back later.
        var postponed = 0
        /// What must not be.
        var wrong: [String] = []
        var isStopping = false
        var calls = 0
    }

    private let mayLoseAnswers: Bool
    private let client = HTTP1Client.shared
    private let outcome: Lock<Outcome>
    private static let workloads = (0..<4).map { "load-\($0)" }
    private static let secret = Array("of the load".utf8)

    private init(_ bases: [String], mayLoseAnswers: Bool) {
        self.mayLoseAnswers = mayLoseAnswers
        outcome = Lock(Outcome(bases: bases))
    }

    var boots: Int { outcome.withLock { $0.boots } }
    var postponed: Int { outcome.withLock { $0.postponed } }

    /// - Parameters:
    ///   - bases: addresses of servers.
    ///   - mayLoseAnswers: whether servers are ended.
    ///   - standby: where the database is in the end, if it is another server than at the beginning.
    ///   - body: what happens meanwhile.
    static func run(
        on database: SharedDatabase, at bases: [String], mayLoseAnswers: Bool = false,
        endingOn standby: PostgreSQLCluster? = nil,
        _ body: (ReplicaLoad) async throws -> Void
    ) async throws {
        try await database.register(workloads, secret: String(decoding: secret, as: UTF8.self))
        let load = ReplicaLoad(bases, mayLoseAnswers: mayLoseAnswers)
        try await load.run(body)
        var database = database
        if let standby { database.cluster = standby }
        try await load.check(database)
    }

    private func run(_ body: (ReplicaLoad) async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            let workloads = Self.workloads
            for number in 0..<6 { group.addTask { try await self.beGuest(of: workloads[number % workloads.count]) } }
            group.addTask { try await self.beRegistrar() }
            do { try await body(self) } catch {
                stop()
                throw error
            }
            stop()
            try await group.waitForAll()
        }
    }

    /// Waits until so many guests more have booted.
    func boots(more count: Int) async throws {
        let wanted = boots + count
        try await eventually("\(count) guests boot") { boots >= wanted }
    }

    private func stop() { outcome.withLock { $0.isStopping = true } }

    private var isStopping: Bool { outcome.withLock { $0.isStopping } }

    private func beGuest(of workload: String) async throws {
        let guest = try Simulated.guest(workload)
        while !isStopping {
            guard let challenge = try await ask(guest.challengeRequest) else { continue }
            struct Nonce: Decodable { let nonce: String }
            let nonce = try JSONDecoder().decode(Nonce.self, from: Data(challenge.body.utf8)).nonce
            let evidence = try guest.evidence(for: nonce)
            let cookie = challenge.cookie
            guard try await ask(.init(path: "/kbs/v0/attest", body: Data(evidence), cookie: cookie)) != nil else {
                continue
            }
            let session = try Self.session(cookie)
            outcome.withLock { $0.asked[session, default: 0] += 1 }
            guard let key = try await ask(.init(method: "GET", path: "/kbs/v0/key/\(workload)", cookie: cookie)) else {
                continue
            }
            let secret = try guest.decrypt(key.body)
            outcome.withLock { outcome in
                outcome.received[session, default: 0] += 1
                outcome.boots += 1
                if secret != Self.secret { outcome.wrong.append("another secret") }
            }
        }
    }

    private func beRegistrar() async throws {
        for number in 0... {
            guard !isStopping else { return }
            let id = "registered-\(number)"
            let body = """
                {"workload_id":"\(id)","launch_measurement":"\(Hex.encode(Simulated.measurement(id)))","tee_config":"",\
                "passphrase":"s"}
                """
            if try await ask(.init(path: "/kbs/v0/register_workload", body: Data(body.utf8))) != nil {
                outcome.withLock { $0.registered.append(id) }
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    struct Call {
        var method = "POST"
        var path: String
        var body = Data()
        var cookie = ""
    }

    /// - Returns: `nil` when it is to be tried later.
    private func ask(_ call: Call) async throws -> RunningServer.Reply? {
        let base = outcome.withLock { outcome in
            outcome.calls += 1
            return outcome.bases[outcome.calls % outcome.bases.count]
        }
        var headers = [("Content-Type", "application/json")]
        if !call.cookie.isEmpty { headers.append(("Cookie", "session_id=\(call.cookie)")) }
        do {
            let reply = try await RunningServer.send(
                call.method, to: base + call.path, call.body, headers: headers, over: client)
            if reply.status == 200 { return reply }
            let mayBe = reply.status == 503 && reply.headers.first(name: "Retry-After").flatMap { Int($0) } ?? 0 > 0
            outcome.withLock { outcome in
                if mayBe { outcome.postponed += 1 } else { outcome.wrong.append("\(reply.status) \(reply.body)") }
            }
        } catch let error where !(error is CancellationError) {
            outcome.withLock { outcome in
                if !mayLoseAnswers || outcome.bases == [base] {
                    outcome.wrong.append("\(error)")
                } else {
                    outcome.bases.removeAll { $0 == base }
                }
            }
        }
        try await Task.sleep(for: .milliseconds(50))
        return nil
    }

    /// The challenge's id, as the trail names the session.
    private static func session(_ cookie: String) throws -> String {
        let padded = cookie.replacing("-", with: "+").replacing("_", with: "/")
        let bytes = try #require(
            Data(base64Encoded: padded.padding(toLength: (padded.count + 3) / 4 * 4, withPad: "=", startingAt: 0)))
        // After the format's number.
        return Hex.encode(bytes.dropFirst().prefix(16))
    }

    /// Nothing that was acknowledged is lost, nothing was given without its record, and nothing is recorded twice.
    private func check(_ database: SharedDatabase) async throws {
        let outcome = outcome.withLock { $0 }
        #expect(outcome.wrong == [])
        let trail = try await database.verifiedTrail().filter { $0["outcome"] == "done" }
        // Not those of guests that the test itself plays.
        let ours = Set(Self.workloads + outcome.registered)
        func count(_ action: String, by field: String) -> [String: Int] {
            let records = trail.filter { $0["action"] == action && ours.contains($0["workload"] ?? "") }
            return Dictionary(records.map { ($0[field] ?? "", 1) }, uniquingKeysWith: +)
        }
        let released = count("secret.release", by: "session")
        for (session, received) in outcome.received {
            #expect(released[session, default: 0] >= received, "a secret without its record")
        }
        for (session, recorded) in released {
            #expect(recorded <= outcome.asked[session, default: 0], "a record twice")
        }
        #expect(count("guest.attest", by: "session").values.allSatisfy { $0 == 1 })
        let registrations = count("workload.register", by: "workload")
        let there = try await database.cluster.sql("SELECT id FROM workloads", in: database.name)
        #expect(Set(outcome.registered).isSubset(of: there.split(separator: "\n").map(String.init)))
        #expect(!outcome.registered.isEmpty && outcome.registered.allSatisfy { registrations[$0] == 1 })
    }
}

extension SimulatedSNPGuest {
    fileprivate var challengeRequest: ReplicaLoad.Call {
        let parameters = #"{\"workload_id\":\"\#(workload)\"}"#
        return .init(
            path: "/kbs/v0/auth",
            body: Data(#"{"version":"0.0.0","tee":"snp","extra-params":"\#(parameters)"}"#.utf8))
    }
}
