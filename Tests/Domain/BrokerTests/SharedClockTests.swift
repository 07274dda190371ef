import BrokerSupport
import Concurrency
import Crypto
import Evidence
import EvidenceSupport
import Foundation
import PostgreSQL
import Storage
import Testing

@testable import Broker

/// Brokers on one PostgreSQL database whose clocks are as far apart as they may be.
@Suite("Brokers whose clocks are a minute off")
struct SharedClockTests {
    /// What a right clock says.
    private final class Time: Sendable {
        let now = Lock(Date(timeIntervalSince1970: 1_760_000_000))
    }

    private let time = Time()
    private let store: PostgreSQLStore
    /// A minute behind, right, and a minute ahead.
    private let brokers: [Broker]
    private var slow: Broker { brokers[0] }
    private var fast: Broker { brokers[2] }

    init() async throws {
        let cluster = try await PostgreSQLCluster.shared
        let store = try await PostgreSQLStore(
            PostgreSQLConfiguration(
                uri: cluster.uri(cluster.newStoreDatabase()), connections: 4, timeout: PostgreSQLCluster.patience),
            manifest: .tested)
        var lifetimes = Lifetimes()
        lifetimes.clockTolerance = Lifetimes.sharedClockTolerance
        let (keys, anchors, time) = (KeyRing(master: .init(size: .bits256)), try Simulated.anchors, time)
        self.store = store
        brokers = [-Lifetimes.sharedClockTolerance, 0, Lifetimes.sharedClockTolerance].map { offset in
            Broker(
                store: store, endorsements: NoEndorsements(), keys: keys, anchors: anchors, lifetimes: lifetimes,
                now: { time.now.withLock { $0 + offset } })
        }
        try await brokers[1].register(Simulated.registration("app"))
    }

    private func set(_ seconds: TimeInterval) {
        time.now.withLock { $0 = Date(timeIntervalSince1970: 1_760_000_000 + seconds) }
    }

    private func challenge(by broker: Broker) async throws -> IssuedChallenge {
        try await broker.challenge(.workload(try WorkloadID("app"), .snp))
    }

    @Test("A session that one ends is ended for all, whoever opened it")
    func ended() async throws {
        let guest = try Simulated.guest("app")
        for ending in brokers {
            let challenge = try await challenge(by: fast)
            try await brokers[1].attest(guest.answer(challenge.nonce), session: [challenge.session])
            for broker in brokers { _ = try await broker.release("app", session: [challenge.session]) }
            #expect(try await ending.endSessions(SessionSelection(workload: WorkloadID("app")), by: .server) == 1)
            for broker in brokers {
                let code = await code { _ = try await broker.release("app", session: [challenge.session]) }
                #expect(code == .sessionInvalid)
            }
        }
        await store.close()
    }

    @Test("However early the fastest sweeps, and whoever made the challenge or looks at it, none is answered twice")
    func sweeping() async throws {
        let guest = try Simulated.guest("app")
        for (maker, ending) in [(fast, slow), (fast, fast), (slow, slow)] {
            set(0)
            let challenge = try await challenge(by: maker)
            let answer = try guest.answer(challenge.nonce)
            try await slow.attest(answer, session: [challenge.session])
            #expect(try await ending.endSessions(SessionSelection(workload: WorkloadID("app")), by: .server) == 1)
            for seconds in stride(from: 0, through: 600, by: 20) {
                set(TimeInterval(seconds))
                // As a server does once a minute.
                _ = try await store.sweepSessions(before: fast.now() - fast.lifetimes.remembrance)
                for broker in [slow, fast] {
                    let code = await code { try await broker.attest(answer, session: [challenge.session]) }
                    #expect(code == .challengeUsed || code == .challengeExpired, "after \(seconds) s: \(code as Any)")
                }
            }
            #expect(try await store.sweepSessions(before: .distantFuture) == 0, "it was swept in the end")
        }
        await store.close()
    }
}
