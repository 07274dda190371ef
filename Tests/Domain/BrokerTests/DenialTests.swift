import BrokerSupport
import Bytes
import Concurrency
import Crypto
import EvidenceSupport
import Foundation
import Storage
import Testing

@testable import Broker
@testable import Evidence
@testable import SimulatedHardware

@Suite("Chips and keys that are denied")
struct DenialTests {
    let bench: Bench
    let broker: Broker
    let guest: SimulatedSNPGuest

    init() async throws {
        bench = try Bench()
        broker = try bench.broker()
        guest = try Simulated.guest("app")
        try await broker.register(Simulated.registration("app"))
    }

    private func challenge() async throws -> IssuedChallenge {
        try await broker.challenge(.workload(try WorkloadID("app"), .snp))
    }

    /// An attested session's id.
    private func attested() async throws -> String {
        let challenge = try await challenge()
        try await broker.attest(guest.answer(challenge.nonce), session: [challenge.session])
        return challenge.session
    }

    private func sentence(_ body: () async throws -> Void) async -> String? { await refusal(body)?.sentence }

    private func latestAttempt() async throws -> RecordedAttempt? {
        try await bench.store.attempts(AttemptSelection(), before: .max, limit: 1).first
    }

    /// All that vouches for the tests' guest.
    private static func endorsers() throws -> [(String, Endorser)] {
        let platform = try Simulated.snp
        return [
            ("the chip", Endorser(chip: platform.chipID)),
            ("the VCEK", .key(try Simulated.vcek.certificate.publicKeyFingerprint)),
            ("the ASK", .key(platform.ask.publicKeyFingerprint)),
            ("the ARK", .key(platform.ark.publicKeyFingerprint)),
        ]
    }

    @Test("A beginning of a chip's id that was seen is not denied, unless it is said to be whole")
    func beginnings() async throws {
        _ = try await attested()
        let chip = try Simulated.snp.chipID
        let beginning = Endorser(chip: Array(chip.prefix(8)))
        let refused = await refusal { try await broker.deny(beginning, reason: "leaked", by: .server) }
        #expect(refused?.code == .invalidField)
        #expect(refused?.sentence.contains(Hex.encode(chip)) == true, "the whole id is named")
        #expect(try await bench.store.denials(after: "", limit: 5).isEmpty)
        try await broker.deny(beginning, reason: "leaked", isWhole: true, by: .server)
        try await broker.deny(Endorser(chip: chip), reason: "leaked", by: .server)
        #expect(try await bench.store.denials(after: "", limit: 5).count == 2)
    }

    @Test("A Turin chip's id is whole with its 8 bytes, though reports state it with zeros behind")
    func turin() async throws {
        let id = "a1b2c3d4e5f60718"
        let stated = id + String(repeating: "0", count: 112)
        for chip in [stated, id + String(repeating: "1", count: 112)] {
            try await bench.store.record(
                [],
                attempt: RecordedAttempt(
                    id: 0, time: Date(), action: "guest.attest", workload: "", tee: "snp", session: "", chip: chip,
                    code: nil, sentence: "", verdict: nil, verdictJSON: ""))
        }
        #expect(try await broker.seenChip(id) == stated)
        try await broker.deny(Endorser(.chip, hex: id), reason: "leaked", by: .server)
        #expect(await code { _ = try await broker.seenChip(String(id.prefix(8))) } == .invalidField)
        #expect(try await broker.seenChip("ffff") == "ffff")
    }

    @Test("What rests on it is not attested, though its chain was verified before and is in memory", arguments: 0..<4)
    func attesting(_ number: Int) async throws {
        let (name, endorser) = try Self.endorsers()[number]
        _ = try await attested()
        try await broker.deny(endorser, reason: "leaked", by: .server)
        let challenge = try await challenge()
        let refused = await refusal {
            try await broker.attest(guest.answer(challenge.nonce), session: [challenge.session])
        }
        #expect(refused?.code == .evidenceRefused && refused?.sentence.contains("[snp.denied]") == true, "\(name)")
        #expect((refused?.description.utf8.count ?? 0) < 200, "libkrun's clients crash on more")
        let verdict = try #require(try await latestAttempt()?.verdict)
        #expect(!verdict.genuine && verdict.failures.map(\.check) == ["snp.denied"])
        #expect(verdict.failures.first?.found == "\(endorser), which is denied")
        // On another server of the same database too, and one that starts now.
        #expect(
            await code { try await bench.broker().attest(guest.answer(challenge.nonce), session: [challenge.session]) }
                == .evidenceRefused)
        try await broker.allow(endorser, by: .server)
        try await broker.attest(guest.answer(challenge.nonce), session: [challenge.session])
    }

    @Test("A session that is there already is given nothing, and again when it is allowed", arguments: 0..<4)
    func releasing(_ number: Int) async throws {
        let (name, endorser) = try Self.endorsers()[number]
        let session = try await attested()
        _ = try await broker.release("app", session: [session])
        try await broker.deny(endorser, reason: "leaked", by: .server)
        let refused = await refusal { _ = try await broker.release("app", session: [session]) }
        #expect(refused?.code == .evidenceRefused && refused?.sentence.contains("[snp.denied]") == true, "\(name)")
        let attempt = try #require(try await latestAttempt())
        #expect(attempt.action == "secret.release" && attempt.workload == "app")
        #expect(attempt.verdict?.failures.map(\.check) == ["snp.denied"])
        let record = try #require(try await bench.store.trail().last)
        #expect(record["action"] == "secret.release" && record["failed"] == "snp.denied")
        try await broker.allow(endorser, by: .server)
        _ = try await broker.release("app", session: [session])
    }

    @Test("Other chips and keys are believed as before")
    func others() async throws {
        let session = try await attested()
        try await broker.deny(Endorser(chip: [UInt8](repeating: 7, count: 64)), reason: "another", by: .server)
        try await broker.deny(.key([UInt8](repeating: 7, count: 32)), reason: "another", by: .server)
        _ = try await broker.release("app", session: [session])
        _ = try await attested()
    }

    @Test("The session's keys are covered by its code: whoever takes them out of the row has no session")
    func strippedSession() async throws {
        let session = try await attested()
        try bench.store.tamper("UPDATE sessions SET claims = replace(claims, 'endorsing_keys', 'others')")
        #expect(await code { _ = try await broker.release("app", session: [session]) } == .sessionInvalid)
    }

    @Test("No vendor is asked for the certificate of a chip that is denied")
    func askingNobody() async throws {
        let source = RecordingSource(vendor: [
            try Simulated.vcek.certificate, try Simulated.snp.ask, try Simulated.snp.ark,
        ])
        let bench = try Bench(source: source)
        let broker = try bench.broker()
        try await broker.register(Simulated.registration("app"))
        try await broker.deny(Endorser(chip: Simulated.snp.chipID), reason: "leaked", by: .server)
        var bare = guest
        bare.certificates = []
        let challenge = try await broker.challenge(.workload(try WorkloadID("app"), .snp))
        let refused = await sentence {
            try await broker.attest(bare.answer(challenge.nonce), session: [challenge.session])
        }
        #expect(refused?.contains("[snp.denied]") == true)
        let counts = source.counts.withLock { $0 }
        #expect(counts.keys == 0 && counts.authorities == 0 && counts.local == 0)
    }

    @Test("A chip's key that is certified under another authority since is believed, and what is denied is not kept")
    func certifiedAnew() async throws {
        let old = try Simulated.snp
        let keys = try (0..<3).map { _ in try RSA.Signing.PrivateKey(keySize: .bits2048) }
        func authority(_ subject: String, _ key: RSA.Signing.PrivateKey) throws -> Certificate {
            try CertificateTemplate(
                subject: subject, issuer: "ARK-Milan", publicKeyInfo: key.publicKey.derRepresentation,
                notBefore: old.ark.notBefore, notAfter: old.ark.notAfter
            ).signed(by: keys[0])
        }
        let (ark, first, second) = (
            try authority("ARK-Milan", keys[0]), try authority("SEV-Milan", keys[1]),
            try authority("SEV-Milan", keys[2])
        )
        let platform = SimulatedSNPPlatform(
            product: .milan, ark: ark, ask: first, asvk: first, chipID: old.chipID, askKey: keys[1], asvkKey: keys[1])
        let vcek = try platform.vcek(tcb: Simulated.tcb)
        let again = try CertificateTemplate(
            subject: "SEV-VCEK", issuer: "SEV-Milan", publicKeyInfo: vcek.certificate.publicKeyInfo,
            notBefore: vcek.certificate.notBefore, notAfter: vcek.certificate.notAfter,
            extensions: vcek.certificate.extensions.map { ($0.key, $0.value) }
        ).signed(by: keys[2])
        let source = RecordingSource(vendor: [again, second, ark])
        let bench = try Bench(source: source)
        let broker = Broker(
            store: bench.store, endorsements: source, keys: KeyRing(master: bench.master),
            anchors: try Anchors.vendors.trusting(platform.roots), now: { bench.clock.withLock { $0 } })
        try await broker.register(Simulated.registration("app"))
        let guest = try SimulatedSNPGuest(
            workload: "app", on: platform, measurement: Simulated.measurement("app"), tcb: Simulated.tcb, signer: vcek)
        func attest() async throws {
            let challenge = try await broker.challenge(.workload(try WorkloadID("app"), .snp))
            try await broker.attest(guest.answer(challenge.nonce), session: [challenge.session])
        }
        try await attest()
        #expect(source.counts.withLock { $0.kept } == 1 && source.counts.withLock { $0.keys } == 0)
        try await broker.deny(.key(first.publicKeyFingerprint), reason: "leaked", by: .server)
        // The guest still sends the old chain along.
        try await attest()
        #expect(source.counts.withLock { $0.kept } == 2 && source.counts.withLock { $0.keys } == 1, "AMD's new chain")
        try await attest()
        #expect(source.counts.withLock { $0.keys } == 1, "which is in memory now")
    }

    // MARK: Guests that name no workload

    @Test("A guest is not attested, is given no token again, and no resource", arguments: 0..<4)
    func guests(_ number: Int) async throws {
        let (name, endorser) = try Self.endorsers()[number]
        let path = try ResourcePath("default/key/1")
        var policy = Policy(name: try PolicyName("app"))
        policy.measurements = [.value(Simulated.measurement("app"))]
        try await PolicyLibrary(bench.store).set(policy, document: "", by: .server)
        _ = try await broker.putResource(path, Secret(Array("x".utf8)), policy: .named(policy.name), by: .server)
        let plain = try PlainGuest("app")
        let challenge = try await broker.challenge(.guest(.snp))
        let attested = try await broker.attestGuest(plain.answer(challenge), session: [challenge.session]) { _ in
            "token"
        }
        func take(_ reader: ResourceReader) async throws {
            _ = try await broker.releaseResource(path, to: reader, stating: { [] }) { _, _ in 1 }
        }
        try await take(.attested(attested))
        try await broker.deny(endorser, reason: "leaked", by: .server)
        // Behind the store too, as after a restart.
        for broker in [broker, try bench.broker()] {
            let known = try await broker.guest(id: attested.id)
            for body in [
                { try await take(.attested(attested)) }, { try await take(.attested(known)) },
                {
                    _ = try await broker.attestGuest(plain.answer(challenge), session: [challenge.session]) { _ in "new"
                    }
                },
                { _ = try await plain.attest(broker) },
            ] as [() async throws -> Void] {
                let refused = await refusal(body)
                #expect(
                    refused?.code == .evidenceRefused && refused?.sentence.contains("[snp.denied]") == true, "\(name)")
            }
        }
        try await broker.allow(endorser, by: .server)
        try await take(.attested(attested))
    }

    @Test("A guest of another verifier's is held to it where its token states the chip")
    func foreignGuests() async throws {
        let path = try ResourcePath("default/key/1")
        var policy = Policy(name: try PolicyName("app"))
        policy.measurements = [.value(Simulated.measurement("app"))]
        policy.issuers = ["https://as.example"]
        try await PolicyLibrary(bench.store).set(policy, document: "", by: .server)
        _ = try await broker.putResource(path, Secret(Array("x".utf8)), policy: .named(policy.name), by: .server)
        let own = try await PlainGuest("app").attest(broker).claims.evidence
        #expect(own.bytes(SNPTerm.endorsingKeys)?.count == 96)
        func take(_ chip: [UInt8]) async throws {
            var claims = own
            claims[SNPTerm.chipID] = chip.isEmpty ? nil : .bytes(chip)
            claims[SNPTerm.endorsingKeys] = nil
            let time = bench.clock.withLock { $0 }
            let foreign = ForeignGuest(
                issuer: "https://as.example", claims: GuestClaims(claims), key: #"{"kty":"EC"}"#, issued: time,
                expires: time.addingTimeInterval(100))
            _ = try await broker.releaseResource(path, to: .foreign(foreign), stating: { [] }) { _, _ in 1 }
        }
        let chip = try Simulated.snp.chipID
        try await take(chip)
        try await broker.deny(Endorser(chip: chip), reason: "leaked", by: .server)
        #expect(await code { try await take(chip) } == .evidenceRefused)
        try await take([])
    }

    // MARK: SEV

    @Test("A host with any of it gets no channel, and what was begun before starts again", arguments: 0..<6)
    func sev(_ number: Int) async throws {
        let platform = try Simulated.sev
        let chain = platform.chain
        let endorsers: [Endorser?] = [
            Endorser(chip: chain.chipFingerprint), chain.cek.publicKeyFingerprint.map { .key($0) },
            chain.pek.publicKeyFingerprint.map { .key($0) }, chain.pdh.publicKeyFingerprint.map { .key($0) },
            chain.ask.publicKeyFingerprint.map { .key($0) }, chain.ark.publicKeyFingerprint.map { .key($0) },
        ]
        let endorser = try #require(endorsers[number])
        try await broker.register(Simulated.sevRegistration("vm"))
        let request = ChallengeRequest.sev(try WorkloadID("vm"), build: platform.build, chain: chain)
        func begin() async throws -> (IssuedChallenge, PlainAnswer) {
            let challenge = try await broker.challenge(request)
            let offer = try #require(challenge.channel)
            let launch = try #require(try platform.launch(offer.session, from: offer.certificate, policy: offer.policy))
            let measured = launch.measure(digest: Simulated.digest("vm"))
            return (challenge, .sev(measurement: measured.measurement, nonce: measured.nonce))
        }
        let (begun, attested) = (try await begin(), try await begin())
        #expect(begun.0.session.utf8.count <= 99, "what libkrun's clients have room for")
        try await broker.attest(attested.1, session: [attested.0.session])
        try await broker.deny(endorser, reason: "leaked", by: .server)
        let refused = await refusal { _ = try await broker.challenge(request) }
        #expect(refused?.code == .evidenceRefused && refused?.sentence.contains("[sev.denied]") == true)
        #expect(try await latestAttempt()?.verdict?.failures.map(\.check) == ["sev.denied"])
        #expect(await code { try await broker.attest(begun.1, session: [begun.0.session]) } == .challengeExpired)
        #expect(await code { _ = try await broker.release("vm", session: [attested.0.session]) } == .sessionInvalid)
        try await broker.allow(endorser, by: .server)
        _ = try await broker.release("vm", session: [attested.0.session])
        try await broker.attest(begun.1, session: [begun.0.session])
    }

    @Test("A host that changes bytes of its CEK that nothing signs is the same chip")
    func unsignedBytes() async throws {
        let platform = try Simulated.sev
        let chain = platform.chain
        var bytes = chain.cek.bytes
        // The second signature slot is not used.
        bytes[SEVCertificate.size - 1] ^= 1
        let other = SEVCertificateChain(
            ark: chain.ark, ask: chain.ask, cek: try SEVCertificate(bytes: bytes), oca: chain.oca, pek: chain.pek,
            pdh: chain.pdh)
        #expect(AppraisedSEVChain(other, anchors: try Simulated.anchors.sev).isGenuine)
        try await broker.register(Simulated.sevRegistration("vm"))
        try await broker.deny(Endorser(chip: chain.chipFingerprint), reason: "leaked", by: .server)
        let request = ChallengeRequest.sev(try WorkloadID("vm"), build: platform.build, chain: other)
        #expect(await sentence { _ = try await broker.challenge(request) }?.contains("[sev.denied]") == true)
    }

    // MARK: Denying

    @Test("Who denies says why, and the trail has it")
    func reasons() async throws {
        let chip = Endorser(chip: try Simulated.snp.chipID)
        for reason in ["", String(repeating: "a", count: 201), "a\nb", "\u{1B}[2J"] {
            #expect(await code { try await broker.deny(chip, reason: reason, by: .server) } == .invalidField)
        }
        #expect(await code { try await broker.allow(chip, by: .server) } == .notFound)
        try await broker.deny(chip, reason: "its key leaked", by: .server)
        try await broker.allow(chip, by: .server)
        let trail = try await bench.store.trail().suffix(2)
        #expect(trail.map { $0["action"] } == ["endorsement.deny", "endorsement.allow"])
        #expect(trail.map { $0["endorser"] } == [chip.name, chip.name])
        #expect(trail.map { $0["reason"] } == ["its key leaked", nil])
    }
}
