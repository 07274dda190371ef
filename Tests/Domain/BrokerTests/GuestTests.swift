import BrokerSupport
import Bytes
import Concurrency
import Crypto
import Evidence
import EvidenceSupport
import Foundation
import SimulatedHardware
import Storage
import Testing

@testable import Broker

/// A guest that attests without saying what it wants, without the detour over a wire format.
struct PlainGuest {
    var hardware: SimulatedSNPGuest
    let key: String

    init(_ measurement: String, key: String = #"{"kty":"EC"}"#) throws {
        hardware = try Simulated.guest(measurement)
        self.key = key
    }

    func binding(_ challenge: IssuedChallenge) -> [UInt8] {
        Array(SHA384.hash(data: Data(challenge.nonce + Array(key.utf8)))) + Array(repeating: 0, count: 16)
    }

    func answer(
        _ challenge: IssuedChallenge, initData: Answer.InitData? = nil,
        changing change: (inout ReportTemplate) -> Void = { _ in }
    ) throws -> GuestAnswer {
        var report = hardware.template
        report.reportData = binding(challenge)
        change(&report)
        return GuestAnswer(
            SNPEvidence(
                try AttestationReport(bytes: report.signed(by: hardware.signer)),
                sent: hardware.certificates.map(\.der)),
            nonce: challenge.nonce, reportData: binding(challenge), key: key, initData: initData)
    }

    func sample(_ challenge: IssuedChallenge, reportData: [UInt8]? = nil) -> GuestAnswer {
        GuestAnswer(
            SampleEvidence(reportData: reportData ?? Array(binding(challenge).prefix(48)), svn: "1"),
            nonce: challenge.nonce, reportData: binding(challenge), key: key)
    }

    @discardableResult
    func attest(_ broker: Broker, token: String = "token") async throws -> AttestedGuest {
        let challenge = try await broker.challenge(.guest(.snp))
        return try await broker.attestGuest(answer(challenge), session: [challenge.session]) { _ in token }
    }
}

/// What was refused, if a guest's evidence was.
func refusal(_ body: () async throws -> Void) async -> Refusal? {
    do {
        try await body()
        return nil
    } catch {
        return error as? Refusal
    }
}

@Suite("Guests that name no workload")
struct GuestTests {
    let bench: Bench
    let broker: Broker
    let guest: PlainGuest

    init() throws {
        bench = try Bench()
        broker = try bench.broker()
        guest = try PlainGuest("app")
    }

    private func attest(_ answer: GuestAnswer, _ challenge: IssuedChallenge) async throws -> AttestedGuest {
        try await broker.attestGuest(answer, session: [challenge.session]) { _ in "token" }
    }

    @Test("A genuine guest is attested, with what its report says and the key that it is bound to")
    func attested() async throws {
        let challenge = try await broker.challenge(.guest(.snp))
        #expect(challenge.nonce.count == 32 && challenge.session.utf8.count == 74)
        let attested = try await broker.attestGuest(guest.answer(challenge), session: [challenge.session]) { guest in
            "token of \(guest.claims.tee.rawValue)"
        }
        #expect(attested.claims.measurement == Simulated.measurement("app"))
        #expect(
            attested.claims.evidence.product == .milan
                && attested.claims.evidence.tcb(SNPTerm.reportedTCB) == Simulated.tcb)
        #expect(attested.key == guest.key && attested.token == "token of snp")
        #expect(try await broker.guest(session: [challenge.session]) == attested)
        #expect(try await broker.guest(id: attested.id) == attested)
    }

    @Test("An attested session answers with the same token, and writes nothing more")
    func sameToken() async throws {
        let challenge = try await broker.challenge(.guest(.snp))
        let first = try await attest(guest.answer(challenge), challenge)
        // Long after the challenge has expired too: the session lives longer.
        bench.wait(broker.lifetimes.challenge + 1)
        let changes = try bench.store.totalChanges
        let again = try await broker.attestGuest(guest.answer(challenge), session: [challenge.session]) { _ in "another"
        }
        #expect(again == first && again.token == "token")
        #expect(try bench.store.totalChanges == changes)
    }

    @Test("A challenge that was answered is not answered again with another key")
    func usedChallenge() async throws {
        let challenge = try await broker.challenge(.guest(.snp))
        _ = try await attest(guest.answer(challenge), challenge)
        let other = try PlainGuest("app", key: #"{"kty":"RSA"}"#)
        #expect(await code { _ = try await attest(other.answer(challenge), challenge) } == .challengeUsed)
    }

    @Test("Many answers at once to one challenge make one guest, and one token")
    func concurrentAnswers() async throws {
        let challenge = try await broker.challenge(.guest(.snp))
        let answer = try guest.answer(challenge)
        let tokens = try await withThrowingTaskGroup { group in
            for number in 1...8 {
                group.addTask {
                    try await broker.attestGuest(answer, session: [challenge.session]) { _ in "token \(number)" }.token
                }
            }
            return try await group.reduce(into: Set<String?>()) { $0.insert($1) }
        }
        #expect(tokens.count == 1)
        #expect(try await bench.store.countSessions(at: bench.clock.withLock { $0 }) == 1)
    }

    @Test("A challenge writes nothing, and expires")
    func expiry() async throws {
        let changes = try bench.store.totalChanges
        let challenge = try await broker.challenge(.guest(.snp))
        #expect(try bench.store.totalChanges == changes)
        bench.wait(broker.lifetimes.challenge)
        #expect(await code { _ = try await attest(guest.answer(challenge), challenge) } == .challengeExpired)
    }

    @Test("A session expires, and its guest with it")
    func sessionExpiry() async throws {
        let attested = try await guest.attest(broker)
        bench.wait(broker.lifetimes.session)
        #expect(await code { _ = try await broker.guest(id: attested.id) } == .sessionInvalid)
    }

    @Test("A challenge for a workload is none for a guest, and the other way round")
    func labels() async throws {
        try await broker.register(Simulated.registration("app"))
        let forWorkload = try await broker.challenge(
            .workload(try WorkloadID("app"), .snp))
        let forGuest = try await broker.challenge(.guest(.snp))
        #expect(
            await code {
                _ = try await broker.attestGuest(guest.answer(forGuest), session: [forWorkload.session]) { _ in "" }
            }
                == .challengeInvalid)
        #expect(
            await code {
                try await broker.attest(guest.hardware.answer(forWorkload.nonce), session: [forGuest.session])
            } == .challengeInvalid)
    }

    @Test("A challenge is not good at another server, nor when anything of it is changed")
    func forgedChallenge() async throws {
        let challenge = try await broker.challenge(.guest(.snp))
        let other = try Bench().broker()
        #expect(
            await code {
                _ = try await other.attestGuest(guest.answer(challenge), session: [challenge.session]) { _ in "" }
            }
                == .challengeInvalid)
        var bytes = Array(challenge.session.utf8)
        for index in [0, 8, 25, 40] {
            bytes[index] ^= 1
            let forged = String(decoding: bytes, as: UTF8.self)
            bytes[index] ^= 1
            #expect(
                await code { _ = try await broker.attestGuest(guest.answer(challenge), session: [forged]) { _ in "" } }
                    == .challengeInvalid)
        }
    }

    @Test("Of several cookies that one counts whose nonce was answered")
    func severalCookies() async throws {
        let (first, second) = (try await broker.challenge(.guest(.snp)), try await broker.challenge(.guest(.snp)))
        let attested = try await broker.attestGuest(
            guest.answer(second), session: ["nonsense", first.session, second.session]
        ) { _ in "" }
        #expect(try await broker.guest(session: [second.session]).id == attested.id)
        #expect(await code { _ = try await broker.guest(session: [first.session]) } == .sessionInvalid)
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let check: String
        let change: @Sendable (inout ReportTemplate) -> Void
    }

    @Test(
        "A report that is not acceptable is refused, with the check that failed, and can be asked for",
        arguments: [
            Case(testDescription: "another binding", check: "snp.report_data") { $0.reportData[0] ^= 1 },
            Case(testDescription: "debug", check: "snp.debug") { $0.policy.formUnion(.debugAllowed) },
            Case(testDescription: "a migration agent", check: "snp.migration_agent") {
                $0.policy.formUnion(.migrationAgentAllowed)
            },
            Case(testDescription: "VMPL", check: "snp.vmpl") { $0.vmpl = 1 },
            Case(testDescription: "firmware that can be rolled back", check: "snp.provisional_firmware") {
                $0.committedFirmware = [3, 55, 1]
            },
        ])
    func unacceptable(_ example: Case) async throws {
        let challenge = try await broker.challenge(.guest(.snp))
        let answer = try guest.answer(challenge, changing: example.change)
        #expect(await code { _ = try await attest(answer, challenge) } == .evidenceRefused)
        let attempts = try await bench.store.attempts(AttemptSelection(accepted: false), before: .max, limit: 10)
        let attempt = try #require(attempts.first)
        #expect(attempts.count == 1 && attempt.action == "guest.attest" && attempt.workload.isEmpty)
        #expect(attempt.verdict?.failures.last?.check == example.check)
        #expect(await code { _ = try await broker.guest(session: [challenge.session]) } == .sessionInvalid)
    }

    @Test("A TCB below the server's least is refused")
    func minimumTCB() async throws {
        var policy = AppraisalPolicy()
        policy.snp.minimumTCB[.milan] = TCBVersion(bootLoader: 4, tee: 0, snp: 23, microcode: 0)
        let strict = try bench.broker(policy)
        #expect(await code { try await guest.attest(strict) } == .evidenceRefused)
    }

    @Test("A report with a forged signature is refused")
    func forgedReport() async throws {
        let challenge = try await broker.challenge(.guest(.snp))
        var report = guest.hardware.template
        report.reportData = guest.binding(challenge)
        let forged = GuestAnswer(
            SNPEvidence(
                try AttestationReport(bytes: report.signed(by: guest.hardware.signer.forged)),
                sent: guest.hardware.certificates.map(\.der)), nonce: challenge.nonce,
            reportData: guest.binding(challenge), key: guest.key)
        #expect(await code { _ = try await attest(forged, challenge) } == .evidenceRefused)
    }

    @Test("Init data become claims only when the guest was launched with their digest")
    func initData() async throws {
        let initData = Answer.InitData(
            digest: Array(SHA256.hash(data: Data("init".utf8))), claims: ["aa.toml": "settings"])
        let challenge = try await broker.challenge(.guest(.snp))
        let without = try guest.answer(challenge, initData: initData)
        #expect(await code { _ = try await attest(without, challenge) } == .evidenceRefused)
        let attested = try await attest(
            guest.answer(challenge, initData: initData) { report in
                // HOST_DATA is at 0xC0.
                for (index, byte) in initData.digest.enumerated() { report.patches[0xC0 + index] = byte }
            }, challenge)
        #expect(attested.claims.initData == initData.claims)
        #expect(try await broker.guest(id: attested.id).claims.initData == initData.claims)
    }

    @Test("A chip's guests fill only so much of the database")
    func room() async throws {
        var count = 0
        func attestLargely() async throws {
            // Each has its own: the same are kept once.
            count += 1
            let initData = Answer.InitData(
                digest: Array(repeating: 7, count: 32),
                claims: ["large": ExactText(String(repeating: "x", count: 17 << 20) + "\(count)")])
            let challenge = try await broker.challenge(.guest(.snp))
            _ = try await attest(
                guest.answer(challenge, initData: initData) { report in
                    for index in 0..<32 { report.patches[0xC0 + index] = 7 }
                }, challenge)
        }
        for _ in 0..<3 { try await attestLargely() }
        // The fourth would be over 64 MiB, also of what a slow machine has won back meanwhile.
        let refused = await refusal { try await attestLargely() }
        #expect(refused?.code == .rateLimited && refused?.retryAfter != nil)
    }

    @Test("A sample is neither challenged nor attested, unless the operator takes samples")
    func samples() async throws {
        #expect(await code { _ = try await broker.challenge(.guest(.sample)) } == .technologyMismatch)
        var policy = AppraisalPolicy()
        policy.allowsSample = true
        let lenient = try bench.broker(policy)
        let challenge = try await lenient.challenge(.guest(.sample))
        // A server that was restarted without the permission does not take what the other one challenged.
        let refused = await refusal { _ = try await attest(guest.sample(challenge), challenge) }
        #expect(refused?.code == .evidenceRefused && refused?.sentence.contains("sample.allowed") == true)
        let attested = try await lenient.attestGuest(guest.sample(challenge), session: [challenge.session]) { _ in "" }
        #expect(attested.claims == GuestClaims(Claims(.sample, [SampleTerm.svn: .text("1")])))
    }

    @Test("A sample that is bound to another challenge is refused")
    func unboundSample() async throws {
        var policy = AppraisalPolicy()
        policy.allowsSample = true
        let lenient = try bench.broker(policy)
        let challenge = try await lenient.challenge(.guest(.sample))
        for reportData in [[], Array(repeating: UInt8(0), count: 64), guest.binding(challenge) + [0, 1]] {
            let answer = guest.sample(challenge, reportData: reportData)
            #expect(
                await code { _ = try await lenient.attestGuest(answer, session: [challenge.session]) { _ in "" } }
                    == .evidenceRefused)
        }
    }

    @Test("Evidence of another technology than the challenge is refused")
    func otherTechnology() async throws {
        let challenge = try await broker.challenge(.guest(.snp))
        #expect(await code { _ = try await attest(guest.sample(challenge), challenge) } == .technologyMismatch)
    }

    @Test(
        "A guest that someone changed in the database is none",
        arguments: [
            "key = '{}'", "token = 'another'", "claims = replace(claims, 'Milan', 'Genoa')", "expires = expires + 1",
            "init_data = x'00'", "master_key = 'other'", "chip = ''", "tee = 'sample'", "opened = 0",
        ])
    func tampered(_ change: String) async throws {
        let attested = try await guest.attest(broker)
        try bench.store.tamper("UPDATE sessions SET \(change)")
        #expect(await code { _ = try await broker.guest(id: attested.id) } == .sessionInvalid)
    }

    @Test("Ended sessions end guests too, by id and by chip, and their challenges stay answered")
    func ended() async throws {
        let challenge = try await broker.challenge(.guest(.snp))
        let attested = try await attest(guest.answer(challenge), challenge)
        let other = try await guest.attest(broker)
        #expect(try await broker.endSessions(SessionSelection(id: attested.id), by: .server) == 1)
        #expect(await code { _ = try await broker.guest(id: attested.id) } == .sessionInvalid)
        #expect(await code { _ = try await attest(guest.answer(challenge), challenge) } == .challengeUsed)
        #expect(try await broker.guest(id: other.id) == other)
        #expect(try await broker.endSessions(SessionSelection(chip: other.chip), by: .server) == 1)
        #expect(await code { _ = try await broker.guest(id: other.id) } == .sessionInvalid)
    }

    @Test("The trail says what was attested, and has the digest of its verdict")
    func trail() async throws {
        try await guest.attest(broker)
        let record = try #require(try await bench.store.trail().last)
        #expect(record["action"] == "guest.attest" && record["outcome"] == "done" && record["workload"] == nil)
        #expect(record["measurement"] == Hex.encode(Simulated.measurement("app")))
        let attempt = try #require(
            try await bench.store.attempts(AttemptSelection(), before: .max, limit: 1).first)
        #expect(record["verdict_sha256"] == Hex.encode(Array(SHA256.hash(data: Data(attempt.verdictJSON.utf8)))))
    }

    @Test("A handshake goes on over a rotation of the master key")
    func rotation() async throws {
        let challenge = try await broker.challenge(.guest(.snp))
        let ring = KeyRing(master: SymmetricKey(size: .bits256), previous: [bench.master])
        let rotated = Broker(
            store: bench.store, endorsements: bench.source, keys: ring, anchors: try Simulated.anchors,
            now: { bench.clock.withLock { $0 } })
        let attested = try await rotated.attestGuest(guest.answer(challenge), session: [challenge.session]) { _ in "t" }
        #expect(try await rotated.guest(id: attested.id) == attested)
        #expect(try await rotated.guest(session: [challenge.session]) == attested)
    }
}
