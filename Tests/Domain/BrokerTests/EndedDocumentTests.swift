import BrokerSupport
import Bytes
import Concurrency
import Crypto
import EvidenceSupport
import Foundation
import Testing

@testable import Broker
@testable import Evidence
@testable import SimulatedHardware

@Suite("Certificates that have ended")
struct EndedDocumentTests {
    /// The same key, certified until another time.
    private func certified(_ certificate: Certificate, until end: Date) throws -> Certificate {
        try CertificateTemplate(
            subject: certificate.commonName, issuer: "SEV-Milan", publicKeyInfo: certificate.publicKeyInfo,
            notBefore: certificate.notBefore, notAfter: end,
            extensions: certificate.extensions.map { ($0.key, $0.value) }
        ).signed(by: Simulated.snp.askKey)
    }

    /// - Returns: what a guest whose certificates are not sent along is told; `nil` when it is attested.
    private func attest(_ broker: Broker) async throws -> Refusal? {
        var guest = try Simulated.guest("app")
        guest.certificates = []
        let challenge = try await broker.challenge(.workload(try WorkloadID("app"), .snp))
        return await refusal {
            try await broker.attest(guest.answer(challenge.nonce), session: [challenge.session])
        }
    }

    @Test("One that ends while it is in memory serves until then, and is asked for again after it")
    func inMemory() async throws {
        let (snp, vcek) = (try Simulated.snp, try Simulated.vcek.certificate)
        let end = Date(timeIntervalSince1970: 1_760_000_100)
        let old = try certified(vcek, until: end)
        let bench = try Bench(source: RecordingSource(local: [old, snp.ask, snp.ark], vendor: [vcek]))
        let broker = try bench.broker()
        try await broker.register(Simulated.registration("app"))
        #expect(try await attest(broker) == nil && bench.source.counts.withLock { $0.keys } == 0)
        bench.wait(101)
        for _ in 0..<3 { #expect(try await attest(broker) == nil) }
        #expect(bench.source.counts.withLock { ($0.keys, $0.authorities, $0.wrongKeys) } == (1, 0, 0))
    }

    @Test("A vendor that gives one that is over is told apart from one that helps, and the guest is told why")
    func fromVendor() async throws {
        let (snp, vcek) = (try Simulated.snp, try Simulated.vcek.certificate)
        let old = try certified(vcek, until: Date(timeIntervalSince1970: 1_759_000_000))
        let bench = try Bench(source: RecordingSource(local: [snp.ask, snp.ark], vendor: [old]))
        let broker = try bench.broker()
        try await broker.register(Simulated.registration("app"))
        let refused = try await attest(broker)
        #expect(refused?.sentence.contains("snp.chain.validity") == true, "\(refused?.sentence ?? "")")
        #expect(bench.source.counts.withLock { ($0.keys, $0.wrongKeys) } == (1, 1))
    }

    @Test("An authority that is over keeps nobody from asking for its successor, and does not stand before it")
    func authority() async throws {
        let (snp, vcek) = (try Simulated.snp, try Simulated.vcek.certificate)
        let rootKey = try RSA.Signing.PrivateKey(keySize: .bits2048)
        func authority(_ name: String, _ key: RSA.Signing.PrivateKey, until end: Date) throws -> Certificate {
            try CertificateTemplate(
                subject: name, issuer: "ARK-Milan", publicKeyInfo: key.publicKey.derRepresentation,
                notBefore: snp.ark.notBefore, notAfter: end
            ).signed(by: rootKey)
        }
        let ark = try authority("ARK-Milan", rootKey, until: snp.ark.notAfter)
        let over = try authority("SEV-Milan", snp.askKey, until: Date(timeIntervalSince1970: 1_759_000_000))
        let ask = try authority("SEV-Milan", snp.askKey, until: snp.ark.notAfter)
        let pin = SimulatedRoots(snp: ["Milan": Hex.encode(ark.publicKeyFingerprint)], sev: [:])
        for (local, authorities) in [([vcek, over, ark], 1), ([vcek, over, ask, ark], 0)] {
            let bench = try Bench(source: RecordingSource(local: local, vendor: [vcek, ask, ark]))
            let broker = Broker(
                store: bench.store, endorsements: bench.source, keys: KeyRing(master: bench.master),
                anchors: try Anchors.vendors.trusting(pin), now: { bench.clock.withLock { $0 } })
            try await broker.register(Simulated.registration("app"))
            #expect(try await attest(broker) == nil)
            #expect(bench.source.counts.withLock { ($0.authorities, $0.keys) } == (authorities, 0))
        }
    }
}
