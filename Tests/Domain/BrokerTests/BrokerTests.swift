import BrokerSupport
import Bytes
import Concurrency
import Crypto
import Evidence
import EvidenceSupport
import Foundation
import SimulatedHardware
import Storage
import TestSupport
import Testing

@testable import Broker

/// A broker on a real database, with a clock that can be set and certificates from the guest only.
final class Bench: Sendable {
    let folder: TemporaryFolder
    let store: SQLiteStore
    let source: RecordingSource
    let keys: ServerKeys
    let clock = Lock(Date(timeIntervalSince1970: 1_760_000_000))
    let events = Lock<[BrokerEvent]>([])
    let master = SymmetricKey(size: .bits256)

    init(source: RecordingSource = RecordingSource()) throws {
        folder = try TemporaryFolder()
        store = try SQLiteStore(file: folder.file("kbs.sqlite"), manifest: Manifest(KeyRing(master: master)))
        self.source = source
        keys = ServerKeys(master: master)
    }

    func broker(_ policy: AppraisalPolicy = AppraisalPolicy()) throws -> Broker {
        Broker(
            store: store, endorsements: source, keys: KeyRing(master: master), anchors: try Simulated.anchors,
            policy: policy,
            now: { self.clock.withLock { $0 } }, reportingTo: { event in self.events.withLock { $0.append(event) } })
    }

    func wait(_ seconds: TimeInterval) { clock.withLock { $0 += seconds } }
}

/// Hands out what it is given, and counts what it is asked.
final class RecordingSource: EndorsementSource {
    struct Counts { var local = 0, keys = 0, authorities = 0, kept = 0, wrongKeys = 0, wrongAuthorities = 0 }

    let counts = Lock(Counts())
    private let authorities = Lock<[Certificate]>([])
    let local: [Certificate]
    let vendor: [Certificate]

    init(local: [Certificate] = [], vendor: [Certificate] = []) {
        self.local = local
        self.vendor = vendor
    }

    func documents(named names: [EndorsementName]) async throws -> [EndorsementDocument] {
        counts.withLock { $0.local += 1 }
        return (local + authorities.withLock { $0 }).map { EndorsementDocument($0, named: EndorsementName("local")) }
    }

    func fetch(_ name: EndorsementName) async throws -> EndorsementDocument {
        let away = EndorsementUnavailable("the vendor is away", retryAfter: 7)
        let found: [Certificate]
        switch AMDDocument(name) {
        case .key(let identity):
            counts.withLock { $0.keys += 1 }
            found = vendor.filter { (try? EndorsementKey($0)).map { EndorsementIdentity(of: $0) } == identity }
        case .authority:
            counts.withLock { $0.authorities += 1 }
            found = vendor.filter { (try? EndorsementKey($0)) == nil }
        case nil: throw away
        }
        guard let first = found.first else { throw away }
        return EndorsementDocument(first, above: Array(found.dropFirst()), named: name)
    }

    func keep(_ documents: [EndorsementDocument]) async {
        guard documents.count == 1 else { return counts.withLock { $0.kept += 1 } }
        authorities.withLock { $0 += documents.flatMap(\.certificates) }
    }

    func distrust(_ name: EndorsementName, _ refusal: DocumentRefusal) {
        counts.withLock {
            if case .key = AMDDocument(name) { $0.wrongKeys += 1 } else { $0.wrongAuthorities += 1 }
        }
    }
}

extension SimulatedSNPGuest {
    /// Its answer, without the detour over a wire format.
    func answer(_ nonce: [UInt8], changing change: (inout ReportTemplate) -> Void = { _ in }) throws -> PlainAnswer {
        var report = template
        report.reportData = PlainAnswer.binding(nonce, modulus: modulus, exponent: exponent)
        change(&report)
        var evidence = SNPEvidence(
            try AttestationReport(bytes: report.signed(by: signer)), sent: certificates.map(\.der))
        evidence.generation = Product(name: generation)
        return .snp(evidence, modulus: modulus, exponent: exponent)
    }
}

func code(_ body: () async throws -> Void) async -> Refusal.Code? {
    do {
        try await body()
        return nil
    } catch {
        return (error as? Refusal)?.code
    }
}

@Suite("The broker")
struct BrokerTests {
    let bench: Bench
    let broker: Broker
    let guest: SimulatedSNPGuest

    init() async throws {
        bench = try Bench()
        broker = try bench.broker()
        guest = try Simulated.guest("app")
        try await broker.register(Simulated.registration("app", secret: "open sesame"))
    }

    private func request(_ id: String = "app") throws -> ChallengeRequest {
        .workload(try WorkloadID(id), .snp)
    }

    @Test("A genuine guest gets its own secret, encrypted to its key")
    func release() async throws {
        let challenge = try await broker.challenge(request())
        try await broker.attest(guest.answer(challenge.nonce), session: [challenge.session])
        guard case .guest(let ciphertext) = try await broker.release("app", session: [challenge.session]) else {
            Issue.record("not RSA")
            return
        }
        #expect(ciphertext.count == 256)
        let again = try await broker.release("app", session: [challenge.session])
        guard case .guest(let second) = again else { return }
        #expect(second != ciphertext, "the padding is random")
    }

    @Test("An unknown workload gets no challenge")
    func unknown() async throws {
        #expect(await code { _ = try await broker.challenge(request("nobody")) } == .workloadUnknown)
    }

    @Test("A challenge is good for one successful attestation, however many try at once")
    func singleUse() async throws {
        let challenge = try await broker.challenge(request())
        let answer = try guest.answer(challenge.nonce)
        let outcomes = await withTaskGroup(of: Refusal.Code?.self) { group in
            for _ in 0..<16 {
                group.addTask { await code { try await broker.attest(answer, session: [challenge.session]) } }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.filter { $0 == nil }.count == 1)
        #expect(outcomes.filter { $0 == .challengeUsed }.count == 15)
    }

    @Test("A refused answer does not use a challenge up")
    func refusedThenAccepted() async throws {
        let challenge = try await broker.challenge(request())
        let wrong = try guest.answer(challenge.nonce) { $0.measurement[0] ^= 1 }
        #expect(await code { try await broker.attest(wrong, session: [challenge.session]) } == .evidenceRefused)
        try await broker.attest(guest.answer(challenge.nonce), session: [challenge.session])
    }

    @Test("A challenge expires, and a session does")
    func expiry() async throws {
        let late = try await broker.challenge(request())
        bench.wait(301)
        #expect(
            await code { try await broker.attest(guest.answer(late.nonce), session: [late.session]) }
                == .challengeExpired)
        let challenge = try await broker.challenge(request())
        try await broker.attest(guest.answer(challenge.nonce), session: [challenge.session])
        bench.wait(10_799)
        _ = try await broker.release("app", session: [challenge.session])
        bench.wait(2)
        #expect(await code { _ = try await broker.release("app", session: [challenge.session]) } == .sessionInvalid)
    }

    @Test("Evidence for one challenge does not answer another, nor another guest's key")
    func binding() async throws {
        let (first, second) = (try await broker.challenge(request()), try await broker.challenge(request()))
        let answer = try guest.answer(first.nonce)
        #expect(await code { try await broker.attest(answer, session: [second.session]) } == .evidenceRefused)
        let thief = try Simulated.guest("app", ownKey: true)
        guard case .snp(let stolen, _, _) = answer else { return }
        let swapped = PlainAnswer.snp(stolen, modulus: thief.modulus, exponent: thief.exponent)
        #expect(await code { try await broker.attest(swapped, session: [first.session]) } == .evidenceRefused)
    }

    @Test("A key that is another's is refused as one that does not exist is")
    func othersKey() async throws {
        try await broker.register(Simulated.registration("other"))
        let challenge = try await broker.challenge(request())
        try await broker.attest(guest.answer(challenge.nonce), session: [challenge.session])
        var refusals: [Refusal] = []
        for id in ["other", "nobody", "", "app/", "APP"] {
            do {
                _ = try await broker.release(id, session: [challenge.session])
                Issue.record("\(id) was released")
            } catch let refusal as Refusal {
                refusals.append(refusal)
            }
        }
        #expect(Set(refusals).count == 1 && refusals.first?.code == .keyUnknown)
    }

    @Test("Nothing is released before attestation, to a made-up session, or without one")
    func noSession() async throws {
        let challenge = try await broker.challenge(request())
        #expect(await code { _ = try await broker.release("app", session: [challenge.session]) } == .sessionInvalid)
        #expect(await code { _ = try await broker.release("app", session: ["made up"]) } == .sessionInvalid)
        #expect(await code { _ = try await broker.release("app", session: [String]()) } == .sessionInvalid)
        #expect(
            await code { try await broker.attest(guest.answer(challenge.nonce), session: ["made up"]) }
                == .challengeInvalid)
    }

    @Test("Of several session ids the valid one counts, wherever it stands")
    func severalCookies() async throws {
        let stale = try await broker.challenge(request())
        bench.wait(400)
        let challenge = try await broker.challenge(request())
        let ids = ["junk", stale.session, challenge.session]
        try await broker.attest(guest.answer(challenge.nonce), session: ids)
        _ = try await broker.release("app", session: ids)
    }

    @Test("Registering again ends challenges and sessions of what was there")
    func reregistration() async throws {
        let (open, attested) = (try await broker.challenge(request()), try await broker.challenge(request()))
        try await broker.attest(guest.answer(attested.nonce), session: [attested.session])
        try await broker.register(Simulated.registration("app", secret: "new"))
        #expect(
            await code { try await broker.attest(guest.answer(open.nonce), session: [open.session]) }
                == .workloadChanged)
        #expect(await code { _ = try await broker.release("app", session: [attested.session]) } == .sessionInvalid)
    }

    @Test("Nobody overwrites a workload where replacing is off")
    func noReplacing() async throws {
        let again = try Simulated.registration("app", secret: "evil")
        #expect(await code { try await broker.register(again, replacing: false) } == .workloadExists)
        let challenge = try await broker.challenge(request())
        try await broker.attest(guest.answer(challenge.nonce), session: [challenge.session])
        _ = try await broker.release("app", session: [challenge.session])
    }

    @Test("A server that was restarted between the calls goes on")
    func restart() async throws {
        let challenge = try await broker.challenge(request())
        let second = try bench.broker()
        try await second.attest(guest.answer(challenge.nonce), session: [challenge.session])
        _ = try await bench.broker().release("app", session: [challenge.session])
    }

    @Test("A challenge writes nothing")
    func challengeWritesNothing() async throws {
        let before = try bench.store.totalChanges
        for _ in 0..<100 { _ = try await broker.challenge(request()) }
        #expect(try bench.store.totalChanges == before)
    }

    @Test("A secret opens only beside what it was registered with, and only under its master key")
    func sealing() async throws {
        let registration = try Simulated.registration("app", secret: "open sesame")
        let sealed = try bench.keys.seal(registration.secret, for: .secret(registration.id, registration.launch))
        func subject(_ id: String, _ launch: Launch) throws -> SealedSubject { .secret(try WorkloadID(id), launch) }
        let right = try bench.keys.open(sealed, for: subject("app", registration.launch))
        #expect(right.withBytes { Array($0) } == Array("open sesame".utf8))
        let measurement = try #require(registration.launch.measurement)
        for (id, launch) in [
            ("other", registration.launch),
            ("app", .snp(measurement: Array(repeating: 0, count: 48), policy: .unstated)),
            ("app", .snp(measurement: measurement, policy: [.unstated, .debugAllowed])),
            ("app", .sev(digest: Array(measurement.prefix(32)), policy: .unstated)),
        ] as [(String, Launch)] {
            #expect(throws: (any Error).self) { try bench.keys.open(sealed, for: subject(id, launch)) }
        }
        let other = ServerKeys(master: SymmetricKey(size: .bits256))
        #expect(throws: (any Error).self) { try other.open(sealed, for: subject("app", registration.launch)) }
        for index in sealed.indices {
            var changed = sealed
            changed[index] ^= 1
            #expect(throws: (any Error).self) { try bench.keys.open(changed, for: subject("app", registration.launch)) }
        }
    }

    @Test("A session that someone else wrote into the database releases nothing")
    func forgedSession() async throws {
        // The thief can have a challenge, as anyone, and writes a session with a key of their own beside it.
        let challenge = try await broker.challenge(request())
        let opened = try #require(
            OpenedChallenge(sealed: challenge.session, with: HeldKeys(active: bench.keys, previous: []))
        ).challenge
        let thief = try Simulated.guest("app", ownKey: true)
        let forged = StoredSession(
            id: opened.id, workload: opened.workload, key: "\(thief.modulus) \(thief.exponent)",
            opened: bench.clock.withLock { $0 },
            expires: bench.clock.withLock { $0 }.addingTimeInterval(1_000),
            code: Array(repeating: 7, count: 32), masterKey: bench.keys.id)
        #expect(try await bench.store.insert(forged))
        #expect(await code { _ = try await broker.release("app", session: [challenge.session]) } == .sessionInvalid)
    }

    @Test("A guest that attested as another workload gets nothing of this one's, however rows are moved")
    func movedSession() async throws {
        // The thief runs a genuine guest of their own, and can write to the database.
        let thief = try Simulated.guest("thief", ownKey: true)
        try await broker.register(Simulated.registration("thief"))
        let row = try #require(try await bench.store.workload(WorkloadID("app"))).row
        let own = try #require(try await bench.store.workload(WorkloadID("thief"))).row

        // First: the victim is given the thief's measurement for as long as attestation takes.
        let mine = Hex.encode(Simulated.measurement("app"))
        let first = try await broker.challenge(request())
        try bench.store.tamper(
            "UPDATE workloads SET digest = (SELECT digest FROM workloads WHERE row = \(own)) WHERE row = \(row)"
        )
        let nonce = try await broker.challenge(request("thief")).nonce
        await #expect(throws: ManifestViolation.self) { _ = try await broker.challenge(request()) }
        await #expect(throws: ManifestViolation.self) {
            try await broker.attest(thief.answer(nonce), session: [first.session])
        }
        try bench.store.tamper("UPDATE workloads SET digest = x'\(mine)' WHERE row = \(row)")
        #expect(await code { _ = try await broker.release("app", session: [first.session]) } == .sessionInvalid)

        // Second: the thief attests as itself, and then the two exchange their names and all that belongs to them.
        let second = try await broker.challenge(request("thief"))
        try await broker.attest(thief.answer(second.nonce), session: [second.session])
        try bench.store.tamper(
            """
            PRAGMA defer_foreign_keys = ON;
            UPDATE workloads SET id = 'x' WHERE row = \(row); UPDATE workloads SET id = 'app' WHERE row = \(own);
            UPDATE workloads SET id = 'thief' WHERE row = \(row);
            UPDATE workloads SET digest = x'\(mine)' WHERE row = \(own);
            UPDATE secrets SET sealed = (SELECT sealed FROM secrets WHERE workload = \(row)) WHERE workload = \(own);
            """)
        await #expect(throws: ManifestViolation.self) {
            _ = try await broker.release("app", session: [second.session])
        }
    }

    @Test("Of two challenges that are open, the one that the evidence answers counts")
    func twoOpenChallenges() async throws {
        let (first, second) = (try await broker.challenge(request()), try await broker.challenge(request()))
        let cookies = [first.session, second.session]
        try await broker.attest(guest.answer(second.nonce), session: cookies)
        _ = try await broker.release("app", session: cookies)
    }

    @Test("Secrets that cannot be delivered are not registered")
    func secretLimits() throws {
        func register(_ count: Int, _ launch: Launch, byte: UInt8 = 0x41) throws {
            _ = try Registration(
                id: WorkloadID("a"), launch: launch, configuration: "",
                secret: Secret([UInt8](repeating: byte, count: count)))
        }
        let snp = Launch.snp(measurement: Simulated.measurement("a"), policy: .unstated)
        let sev = Launch.sev(digest: Simulated.digest("a"), policy: .unstated)
        for (count, launch) in [(1, snp), (245, snp), (1, sev), (512, sev)] { try register(count, launch) }
        for (count, launch) in [(0, snp), (246, snp), (0, sev), (513, sev)] {
            #expect(throws: Refusal.self) { try register(count, launch) }
        }
        #expect(throws: Refusal.self) { try register(3, snp, byte: 0) }
    }

    @Test("What the server's settings demand is held against the report")
    func settings() async throws {
        var policy = AppraisalPolicy()
        policy.snp.minimumTCB[.milan] = TCBVersion(bootLoader: 4, tee: 0, snp: 23, microcode: 0)
        let strict = try bench.broker(policy)
        let challenge = try await strict.challenge(request())
        #expect(
            await code { try await strict.attest(guest.answer(challenge.nonce), session: [challenge.session]) }
                == .evidenceRefused)
        for (change, check) in [
            ({ $0.snp.products = [.genoa] }, "snp.products"), ({ $0.snp.cspIDs = ["CN=cloud.example"] }, "snp.csp_id"),
            ({ $0.snp.minimumMitigations = 1 }, "snp.minimum_mitigations"),
        ] as [((inout AppraisalPolicy) -> Void, String)] {
            policy = AppraisalPolicy()
            change(&policy)
            let broker = try bench.broker(policy)
            let refused = await refusal {
                try await broker.attest(guest.answer(challenge.nonce), session: [challenge.session])
            }
            #expect(refused?.sentence.contains("[\(check)]") == true, "\(check)")
        }
        policy = AppraisalPolicy()
        policy.snp.vmpl = 2
        let other = try bench.broker(policy)
        #expect(
            await code { try await other.attest(guest.answer(challenge.nonce), session: [challenge.session]) }
                == .evidenceRefused)
        try await other.attest(guest.answer(challenge.nonce) { $0.vmpl = 2 }, session: [challenge.session])
    }

    // MARK: SEV

    @Test("SEV evidence is held against the registered digest, policy and platform")
    func sev() async throws {
        let platform = try Simulated.sev
        try await broker.register(Simulated.sevRegistration("vm"))
        let request = ChallengeRequest.sev(
            try WorkloadID("vm"), build: platform.build, chain: platform.chain)
        let challenge = try await broker.challenge(request)
        let offer = try #require(challenge.channel)
        let launch = try #require(try platform.launch(offer.session, from: offer.certificate, policy: offer.policy))
        let wrong = launch.measure(digest: Simulated.digest("another"))
        #expect(
            await code {
                try await broker.attest(
                    .sev(measurement: wrong.measurement, nonce: wrong.nonce), session: [challenge.session])
            } == .evidenceRefused)
        let right = launch.measure(digest: Simulated.digest("vm"))
        try await broker.attest(.sev(measurement: right.measurement, nonce: right.nonce), session: [challenge.session])
        guard case .platform(let packet) = try await broker.release("vm", session: [challenge.session]) else {
            Issue.record("not SEV")
            return
        }
        let plaintext = try launch.receive(
            flags: packet.flags, initializationVector: packet.initializationVector, mac: packet.mac,
            ciphertext: packet.ciphertext, measurement: right.measurement)
        #expect(plaintext == Array("secret".utf8) + Array(repeating: 0, count: 506))
    }

    @Test("Where SEV is turned off, no host gets a channel, no evidence is taken and no secret released; A17")
    func sevTurnedOff() async throws {
        let platform = try Simulated.sev
        try await broker.register(Simulated.sevRegistration("vm"))
        var policy = AppraisalPolicy()
        policy.allowsSEV = false
        let without = try bench.broker(policy)
        let request = ChallengeRequest.sev(
            try WorkloadID("vm"), build: platform.build, chain: platform.chain)
        #expect(await code { _ = try await without.challenge(request) } == .technologyMismatch)
        // One that began, or attested, before the server was started anew.
        let challenge = try await broker.challenge(request)
        let offer = try #require(challenge.channel)
        let launch = try #require(try platform.launch(offer.session, from: offer.certificate, policy: offer.policy))
        let right = launch.measure(digest: Simulated.digest("vm"))
        let answer = PlainAnswer.sev(measurement: right.measurement, nonce: right.nonce)
        #expect(await code { try await without.attest(answer, session: [challenge.session]) } == .technologyMismatch)
        try await broker.attest(answer, session: [challenge.session])
        #expect(await code { _ = try await without.release("vm", session: [challenge.session]) } == .technologyMismatch)
        _ = try await broker.release("vm", session: [challenge.session])
    }

    @Test("A platform whose product is not taken is refused by a check with a name; A17")
    func sevProducts() async throws {
        let platform = try Simulated.sev
        try await broker.register(Simulated.sevRegistration("vm"))
        let request = ChallengeRequest.sev(
            try WorkloadID("vm"), build: platform.build, chain: platform.chain)
        var policy = AppraisalPolicy()
        policy.sevProducts = ["rome", "milan"]
        let refused = await refusal { _ = try await bench.broker(policy).challenge(request) }
        #expect(refused?.code == .evidenceRefused && refused?.sentence.contains("[sev.products]") == true)
        policy.sevProducts = ["simulated"]
        _ = try await bench.broker(policy).challenge(request)
    }

    @Test("A host whose certificates are not genuine gets no channel")
    func sevPlatform() async throws {
        try await broker.register(Simulated.sevRegistration("vm"))
        let stranger = try SimulatedSEVPlatform()
        let request = ChallengeRequest.sev(
            try WorkloadID("vm"), build: stranger.build, chain: stranger.chain)
        #expect(await code { _ = try await broker.challenge(request) } == .evidenceRefused)
    }

    @Test("A stranger with a genuine host's certificates, which are public, is recorded as a stranger")
    func sevStrangers() async throws {
        let platform = try Simulated.sev
        try await broker.register(Simulated.sevRegistration("vm"))
        let request = ChallengeRequest.sev(try WorkloadID("vm"), build: platform.build, chain: platform.chain)
        let broker = Broker(
            store: bench.store, endorsements: bench.source, keys: KeyRing(master: bench.master),
            anchors: try Simulated.anchors, recordsPerMinute: (1, 600), now: { bench.clock.withLock { $0 } })
        let challenge = try await broker.challenge(request)
        for _ in 0..<2 {
            let made = PlainAnswer.sev(measurement: SecureRandom.bytes(32), nonce: SecureRandom.bytes(16))
            #expect(await code { try await broker.attest(made, session: [challenge.session]) } == .evidenceRefused)
        }
        #expect(broker.budgets.strangers.takeOmitted() == 1 && broker.budgets.genuine.takeOmitted() == 0)
        let attempts = try await bench.store.attempts(AttemptSelection(accepted: false), before: .max, limit: 10)
        #expect(attempts.map { $0.verdict?.genuine } == [false])
        var policy = AppraisalPolicy()
        policy.sevProducts = ["rome"]
        let narrow = Broker(
            store: bench.store, endorsements: bench.source, keys: KeyRing(master: bench.master),
            anchors: try Simulated.anchors, policy: policy, recordsPerMinute: (1, 600),
            now: { bench.clock.withLock { $0 } })
        for _ in 0..<2 { #expect(await code { _ = try await narrow.challenge(request) } == .evidenceRefused) }
        #expect(narrow.budgets.strangers.takeOmitted() == 1 && narrow.budgets.genuine.takeOmitted() == 0)
    }

    @Test("A host's certificates are verified once, whatever bytes it changes that nothing signs")
    func sevUnsignedBytes() async throws {
        let platform = try Simulated.sev
        let chain = platform.chain
        try await broker.register(Simulated.sevRegistration("vm"))
        for value in [0, 1, 2] as [UInt8] {
            var bytes = chain.cek.bytes
            // The second signature slot is not used.
            bytes[SEVCertificate.size - 1] = value
            let variant = SEVCertificateChain(
                ark: chain.ark, ask: chain.ask, cek: try SEVCertificate(bytes: bytes), oca: chain.oca, pek: chain.pek,
                pdh: chain.pdh)
            _ = try await broker.challenge(.sev(try WorkloadID("vm"), build: platform.build, chain: variant))
        }
        #expect(broker.platforms.count == 1)
        #expect(try SimulatedSEVPlatform().chain.fingerprint != chain.fingerprint)
    }

    @Test("A workload of one technology is not challenged for another, and evidence of another is refused")
    func technologies() async throws {
        let platform = try Simulated.sev
        try await broker.register(Simulated.sevRegistration("vm"))
        #expect(await code { _ = try await broker.challenge(request("vm")) } == .technologyMismatch)
        let crossed = ChallengeRequest.sev(
            try WorkloadID("app"), build: platform.build, chain: platform.chain)
        #expect(await code { _ = try await broker.challenge(crossed) } == .technologyMismatch)
        let challenge = try await broker.challenge(request())
        let sev = PlainAnswer.sev(measurement: Array(repeating: 0, count: 32), nonce: Array(repeating: 0, count: 16))
        #expect(await code { try await broker.attest(sev, session: [challenge.session]) } == .technologyMismatch)
    }
}

@Suite("Certificates on the way to a verdict")
struct AppraiserTests {
    /// - Returns: what came of one attestation of a guest that sends no certificates.
    private func attest(_ bench: Bench, guest: SimulatedSNPGuest, wrong: Bool = false) async throws -> Refusal? {
        let broker = try bench.broker()
        return try await attest(broker, bench, guest: guest, wrong: wrong)
    }

    private func attest(
        _ broker: Broker, _ bench: Bench, guest: SimulatedSNPGuest, wrong: Bool = false
    ) async throws -> Refusal? {
        if try await bench.store.workload(WorkloadID(guest.workload)) == nil {
            try await broker.register(Simulated.registration(guest.workload))
        }
        let challenge = try await broker.challenge(
            .workload(try WorkloadID(guest.workload), .snp))
        do {
            let answer = try guest.answer(challenge.nonce) { if wrong { $0.measurement[0] ^= 1 } }
            try await broker.attest(answer, session: [challenge.session])
            return nil
        } catch let refusal as Refusal {
            return refusal
        }
    }

    private func bareGuest() throws -> SimulatedSNPGuest {
        var guest = try Simulated.guest("app")
        guest.certificates = []
        return guest
    }

    @Test("A chain is looked for and verified once; the next guest asks nobody")
    func warm() async throws {
        let snp = try Simulated.snp
        let bench = try Bench(source: RecordingSource(local: [try Simulated.vcek.certificate, snp.ask, snp.ark]))
        let broker = try bench.broker()
        for _ in 0..<3 { #expect(try await attest(broker, bench, guest: bareGuest()) == nil) }
        let counts = bench.source.counts.withLock { $0 }
        #expect((counts.local, counts.keys, counts.authorities, counts.kept) == (1, 0, 0, 1))
    }

    @Test("The vendor is asked when nothing is at hand")
    func vendor() async throws {
        let snp = try Simulated.snp
        let bench = try Bench(source: RecordingSource(vendor: [try Simulated.vcek.certificate, snp.ask, snp.ark]))
        #expect(try await attest(bench, guest: bareGuest()) == nil)
        let counts = bench.source.counts.withLock { $0 }
        #expect((counts.keys, counts.authorities, counts.kept) == (1, 1, 1))
    }

    @Test("The vendor is asked only for the authorities when the guest brought its key")
    func authoritiesOnly() async throws {
        let snp = try Simulated.snp
        let bench = try Bench(source: RecordingSource(vendor: [snp.ask, snp.ark]))
        var guest = try bareGuest()
        guest.certificates = [try Simulated.vcek.certificate]
        #expect(try await attest(bench, guest: guest) == nil)
        let counts = bench.source.counts.withLock { $0 }
        #expect((counts.keys, counts.authorities) == (0, 1))
    }

    @Test("A report that would be refused anyway does not make the server ask the vendor")
    func hammering() async throws {
        let bench = try Bench()
        #expect(try await attest(bench, guest: bareGuest(), wrong: true)?.code == .evidenceRefused)
        let counts = bench.source.counts.withLock { $0 }
        #expect((counts.local, counts.keys, counts.authorities) == (0, 0, 0))
    }

    @Test("A key that only claims to be the chip's does not keep the vendor from being asked for the real one")
    func squatting() async throws {
        let snp = try Simulated.snp
        let bench = try Bench(source: RecordingSource(vendor: [try Simulated.vcek.certificate, snp.ask, snp.ark]))
        var guest = try bareGuest()
        let other = try SimulatedSNPPlatform(product: .milan)
        guest.certificates = [try other.vcek(tcb: Simulated.tcb, hardwareID: snp.chipID).certificate]
        #expect(try await attest(bench, guest: guest) == nil)
        #expect(bench.source.counts.withLock { $0.keys } == 1)
    }

    @Test("A source is told when what its vendor gave leads to no pinned root, and not when it does")
    func distrusted() async throws {
        let (snp, vcek) = (try Simulated.snp, try Simulated.vcek.certificate)
        let other = try SimulatedSNPPlatform(product: .milan)
        let forged = try other.vcek(tcb: Simulated.tcb, hardwareID: snp.chipID).certificate
        for (vendor, wrongKeys, wrongAuthorities) in [
            ([vcek, snp.ask, snp.ark], 0, 0), ([forged, snp.ask, snp.ark], 1, 0), ([vcek, other.ask, other.ark], 1, 1),
        ] {
            let bench = try Bench(source: RecordingSource(vendor: vendor))
            #expect(try await (attest(bench, guest: bareGuest()) == nil) == (wrongKeys == 0))
            let counts = bench.source.counts.withLock { $0 }
            #expect((counts.wrongKeys, counts.wrongAuthorities) == (wrongKeys, wrongAuthorities))
        }
    }

    @Test("When no source has the certificate the guest is told to try again later")
    func unavailable() async throws {
        let refusal = try await attest(Bench(), guest: bareGuest())
        #expect(refusal?.code == .endorsementUnavailable)
        #expect(refusal?.retryAfter == 7)
    }

    @Test("Certificates at hand go before the guest's own, and bad ones of the guest do no harm")
    func guestJunk() async throws {
        let snp = try Simulated.snp
        let other = try SimulatedSNPPlatform(product: .milan)
        let bench = try Bench(source: RecordingSource(local: [try Simulated.vcek.certificate, snp.ask, snp.ark]))
        var guest = try bareGuest()
        guest.certificates = [other.ask, other.ark, try other.vcek(tcb: Simulated.tcb).certificate]
        #expect(try await attest(bench, guest: guest) == nil)
    }

    @Test("A certificate under a root that is not pinned is neither believed nor kept")
    func unpinned() async throws {
        let other = try SimulatedSNPPlatform(product: .milan)
        let bench = try Bench()
        let signer = try other.vcek(tcb: Simulated.tcb)
        let guest = try SimulatedSNPGuest(
            workload: "app", on: other, measurement: Simulated.measurement("app"), tcb: Simulated.tcb, signer: signer)
        let refusal = try await attest(bench, guest: guest)
        #expect(refusal?.code == .evidenceRefused)
        #expect(refusal?.sentence.contains("snp.chain.root") == true)
        #expect(bench.source.counts.withLock { $0.kept } == 0)
    }

    @Test("A genuine certificate is kept when it has proven a report, not when it only came along")
    func keptWhenProven() async throws {
        let bench = try Bench()
        let guest = try Simulated.guest("app")
        let stranger = try SimulatedSNPGuest(
            workload: "app", on: Simulated.snp, measurement: Simulated.measurement("app"), tcb: Simulated.tcb,
            signer: Simulated.vcek.forged)
        #expect(stranger.certificates.map(\.der) == guest.certificates.map(\.der))
        #expect(try await attest(bench, guest: stranger)?.code == .evidenceRefused)
        #expect(bench.source.counts.withLock { $0.kept } == 0)
        #expect(try await attest(bench, guest: guest) == nil)
        #expect(bench.source.counts.withLock { $0.kept } == 1)
    }

    @Test("Two clouds' VLEKs at one TCB both work")
    func twoVLEKs() async throws {
        let snp = try Simulated.snp
        let (first, second) = (
            try snp.vlek(tcb: Simulated.tcb, validFor: 5), try snp.vlek(tcb: Simulated.tcb, validFor: 5)
        )
        let bench = try Bench()
        let broker = try bench.broker()
        for signer in [first, second, first, second] {
            var guest = try SimulatedSNPGuest(
                workload: "app", on: snp, measurement: Simulated.measurement("app"), tcb: Simulated.tcb, signer: signer)
            guest.template.keyInfo = 1 << 2
            guest.certificates = [signer.certificate, snp.asvk, snp.ark]
            #expect(try await attest(broker, bench, guest: guest) == nil)
        }
    }

    @Test("Many VLEKs at one TCB, kept or expired, do not keep a guest's own from being found")
    func manyVLEKs() async throws {
        let snp = try Simulated.snp
        let others = try (0..<6).map { _ in try snp.vlek(tcb: Simulated.tcb, validFor: 1).certificate }
        let signer = try snp.vlek(tcb: Simulated.tcb, validFor: 5)
        let bench = try Bench(source: RecordingSource(local: others + [snp.asvk, snp.ark]))
        var guest = try SimulatedSNPGuest(
            workload: "app", on: snp, measurement: Simulated.measurement("app"), tcb: Simulated.tcb, signer: signer)
        guest.template.keyInfo = 1 << 2
        guest.certificates = [signer.certificate]
        #expect(try await attest(bench, guest: guest) == nil)
    }

    @Test("A report of version 2, which names no product, is proven by the certificate")
    func versionTwo() async throws {
        let snp = try Simulated.snp
        for generation in ["milan", "genoa"] {
            let bench = try Bench(source: RecordingSource(local: [try Simulated.vcek.certificate, snp.ask, snp.ark]))
            var guest = try bareGuest()
            guest.template.version = 2
            guest.generation = generation
            let refusal = try await attest(bench, guest: guest)
            #expect(refusal?.sentence.contains("snp.generation") == (generation == "milan" ? nil : true))
        }
    }

    @Test("A report that names no product is tried with all that is at hand before the vendor is asked")
    func localFirst() async throws {
        let genoa = try SimulatedSNPPlatform(product: .genoa)
        let signer = try genoa.vcek(tcb: Simulated.tcb)
        let bench = try Bench(source: RecordingSource(local: [signer.certificate, genoa.ask, genoa.ark]))
        let broker = Broker(
            store: bench.store, endorsements: bench.source, keys: KeyRing(master: bench.master),
            anchors: try Anchors.vendors.trusting(genoa.roots), now: { bench.clock.withLock { $0 } })
        var guest = try SimulatedSNPGuest(
            workload: "app", on: genoa, measurement: Simulated.measurement("app"), tcb: Simulated.tcb, signer: signer)
        guest.template.version = 2
        guest.certificates = []
        guest.generation = ""
        #expect(try await attest(broker, bench, guest: guest) == nil)
        #expect(bench.source.counts.withLock { $0.authorities + $0.keys } == 0)
    }

    @Test("A masked chip is told so, and the vendor is not asked")
    func masked() async throws {
        let bench = try Bench()
        var guest = try bareGuest()
        guest.template.chipID = Array(repeating: 0, count: 64)
        let refusal = try await attest(bench, guest: guest)
        #expect(refusal?.code == .evidenceRefused)
        #expect(refusal?.sentence.contains("hides its chip id") == true)
        #expect(bench.source.counts.withLock { $0.keys } == 0)
    }
}
