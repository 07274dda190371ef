import Appraisal
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
@testable import Endorsements

/// A technology whose lists of what was revoked end after weeks. A list is genuine if it begins with 7.
private struct ListedEvidence: Attestation {
    var tee: GuestTEE { .sample }
    var reportData: [UInt8] { [] }
    var signers: [EndorsementName] { [] }
    var offered: [EndorsementDocument] { [] }
    static var decisive: Set<Check.Name> { [] }

    static func endorsements(
        of signer: EndorsementName, among documents: [EndorsementDocument], anchors: Anchors
    ) -> [NoEndorsement] { [] }
    static func documents(of signer: EndorsementName) -> [EndorsementName] { [signer] }
    static func wanted(
        for signer: EndorsementName, having documents: [EndorsementDocument], _ trust: Trust
    ) -> [EndorsementName] { [signer] }
    static func accept(
        _ document: EndorsementDocument, beside others: [EndorsementDocument], _ trust: Trust
    ) throws(DocumentRefusal) -> [EndorsementDocument] {
        guard document.bytes.first == 7 else { throw .unpinned }
        guard document.holds(at: trust.time) else { throw .ended(trust.time) }
        return [document]
    }
    static func issues(_ name: EndorsementName) -> Bool { name.text.hasPrefix("crl/") }
    static func documents(in certificates: [Certificate]) -> [EndorsementDocument] { [] }
    static func endorser(of name: EndorsementName) -> Endorser? { nil }

    func verify(by endorsement: NoEndorsement?, explaining: Bool, _ exchange: Exchange) -> Verdict {
        SampleEvidence(reportData: [], svn: "").verify(by: nil, explaining: explaining, exchange)
    }
    func claims(by endorsement: NoEndorsement?) -> Claims { Claims(.sample, [:]) }
    func claims(ifSignedBy signer: EndorsementName) -> Claims { claims(by: nil) }
}

/// A cache over a vendor that gives what it is told to.
private final class ListSource: EndorsementSource {
    struct State {
        var asked: [EndorsementName] = []
        var distrusted: [DocumentRefusal] = []
        var answer: @Sendable (EndorsementName) throws -> EndorsementDocument
    }

    let store: SQLiteStore
    let state: Lock<State>

    init(_ store: SQLiteStore, _ answer: @escaping @Sendable (EndorsementName) throws -> EndorsementDocument) {
        (self.store, state) = (store, Lock(State(answer: answer)))
    }

    func documents(named names: [EndorsementName]) async throws -> [EndorsementDocument] {
        try await store.endorsements(named: names)
    }

    func fetch(_ name: EndorsementName) async throws -> EndorsementDocument {
        try state.withLock {
            $0.asked.append(name)
            return $0.answer
        }(name)
    }

    func distrust(_ name: EndorsementName, _ refusal: DocumentRefusal) {
        state.withLock { $0.distrusted.append(refusal) }
    }
}

@Suite("Documents that end")
struct RenewalTests {
    let folder: TemporaryFolder
    let store: SQLiteStore
    private let now = Date(timeIntervalSince1970: 1_760_000_000)

    init() throws {
        folder = try TemporaryFolder()
        store = try SQLiteStore(
            file: folder.file("kbs.sqlite"), manifest: Manifest(KeyRing(master: SymmetricKey(size: .bits256))))
    }

    private static func list(_ name: String, _ number: UInt8 = 0, until end: Date, genuine: Bool = true)
        -> EndorsementDocument
    {
        EndorsementDocument(
            name: EndorsementName(name), kind: .revocations, bytes: [genuine ? 7 : 6, number] + Array(name.utf8),
            goodUntil: end)
    }

    private func days(_ count: Double) -> Date { now + count * 86_400 }

    private func keeper(_ source: ListSource) -> EndorsementKeeper {
        EndorsementKeeper(source: source, store: store, anchors: .vendors, technologies: [ListedEvidence.self])
    }

    @Test("A document that ends soon is renewed once, while the old one still serves; others are left alone")
    func ahead() async throws {
        let (old, later) = (Self.list("crl/a", until: days(13)), Self.list("crl/b", until: days(15)))
        let new = Self.list("crl/a", 1, until: days(30))
        try await store.keep([old, later])
        let source = ListSource(store) { _ in new }
        let keeper = keeper(source)
        let pass = try await keeper.renew(at: now)
        #expect(pass.renewed == [old.name] && pass.failed == 0 && pass.ending == 0)
        #expect(source.state.withLock { $0.asked } == [old.name])
        #expect(Set(try await store.endorsements(named: [old.name])) == [old, new])
        // On this server and on another one.
        for keeper in [keeper, self.keeper(source)] { #expect(try await keeper.renew(at: now).renewed.isEmpty) }
        #expect(source.state.withLock { $0.asked.count } == 1)
    }

    @Test(
        "A vendor that has no later document, or gives one that is not genuine or over, is asked again a day later at most"
    )
    func later() async throws {
        let old = Self.list("crl/a", until: days(10))
        try await store.keep([old])
        for (answer, distrusted) in [
            (old, []), (Self.list("crl/a", until: days(90), genuine: false), [DocumentRefusal.unpinned]),
            (Self.list("crl/a", until: days(-1)), [.ended(now)]),
        ] {
            let source = ListSource(store) { _ in answer }
            let keeper = keeper(source)
            for hour in 0..<18 as Range<Int> {
                let pass = try await keeper.renew(at: now + Double(hour) * 3_600)
                #expect(pass.failed == (hour == 0 ? 1 : 0) && pass.ending == 1)
                if hour == 0 { #expect(pass.first?.name == old.name && pass.first?.end == old.goodUntil) }
            }
            #expect(source.state.withLock { $0.asked.count } == 1)
            #expect(source.state.withLock { $0.distrusted } == distrusted)
            #expect(try await keeper.renew(at: days(2)).failed == 1)
            #expect(try await store.endorsements(named: [old.name]) == [old])
        }
    }

    @Test("A server that stops asks for no more")
    func stopping() async throws {
        try await store.keep([Self.list("crl/a", until: days(10))])
        let source = ListSource(store) { _ in Self.list("crl/a", 1, until: .distantFuture) }
        let (keeper, now) = (keeper(source), now)
        let pass = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await keeper.renew(at: now)
        }
        #expect(try await pass.value.renewed.isEmpty)
        #expect(source.state.withLock { $0.asked.isEmpty })
    }

    @Test("A document that ended is still told of, and not asked for")
    func ended() async throws {
        try await store.keep([Self.list("crl/a", until: days(-1))])
        let source = ListSource(store) { _ in Self.list("crl/a", 1, until: .distantFuture) }
        #expect(try await keeper(source).renew(at: now).ending == 1)
        #expect(source.state.withLock { $0.asked.isEmpty })
    }

    @Test("The same document with issuers that end later takes its place, one whose issuers end earlier does not")
    func issuers() async throws {
        func document(_ issuer: UInt8, _ end: Date) -> EndorsementDocument {
            EndorsementDocument(
                name: EndorsementName("crl/a"), kind: .revocations, bytes: [7], issuers: [[issuer]], goodUntil: end)
        }
        let given: [(EndorsementDocument, UInt8)] = [
            (document(1, days(2)), 1), (document(2, days(9)), 2), (document(3, days(1)), 2),
        ]
        for (given, kept) in given {
            try await store.keep([given])
            #expect(try await store.endorsements(named: [given.name]).map(\.issuers) == [[[kept]]])
        }
    }

    @Test("A name has one spelling", arguments: ["vcek/MILAN/", "authority/vcek/milan", "authority/vcek/Milan "])
    func spelling(_ name: String) throws {
        let platform = try Simulated.snp
        let certificates = [platform.ark, platform.ask, try Simulated.vcek.certificate]
        for document in SNPEvidence.documents(in: certificates) {
            #expect(SNPEvidence.issues(document.name))
            #expect(!SNPEvidence.issues(EndorsementName(document.name.text.uppercased())))
        }
        #expect(!SNPEvidence.issues(EndorsementName(name)))
    }

    @Test("A pass asks for so many, and ends when the vendor answers nothing")
    func budget() async throws {
        let now = now
        let all = (0..<40).map { Self.list("crl/\($0)", until: now + 86_400 + Double($0)) }
        try await store.keep(all)
        let away = ListSource(store) { _ in throw EndorsementUnavailable("away", isOfVendor: true) }
        let first = try await keeper(away).renew(at: now)
        #expect(first.failed == 1 && first.ending == 40 && away.state.withLock { $0.asked } == [all[0].name])
        let source = ListSource(store) { Self.list($0.text, 1, until: now + 30 * 86_400) }
        let keeper = keeper(source)
        #expect(try await keeper.renew(at: now).renewed == all.prefix(16).map(\.name), "the first to end first")
        #expect(try await keeper.renew(at: now).renewed.count == 16)
        #expect(try await keeper.renew(at: now).ending == 0)
    }

    @Test("Rows that somebody made up cause no request, and what has ended is asked for by guests alone")
    func forged() async throws {
        try await store.keep([
            Self.list("crl/forged", until: days(1), genuine: false), Self.list("crl/over", until: days(-1)),
            Self.list("unknown/name", until: days(1)),
        ])
        let source = ListSource(store) { Self.list($0.text, 1, until: .distantFuture) }
        let pass = try await keeper(source).renew(at: now)
        #expect(source.state.withLock { $0.asked.isEmpty } && pass.renewed.isEmpty && pass.failed == 0)
    }

    @Test("Of one name so many are kept, and those that end first go, whatever this machine's clock says")
    func bound() async throws {
        for number in (0..<40 as Range<UInt8>).shuffled() {
            try await store.keep([Self.list("crl/a", number, until: days(Double(number)))])
        }
        let kept = try await store.endorsements(named: [EndorsementName("crl/a")])
        // The last to come may be one that ends first.
        #expect(kept.count == 32 || kept.count == 33)
        #expect(Set(kept.map { $0.bytes[1] }).isSuperset(of: 9..<40))
    }

    // MARK: AMD's

    private func keeper(_ source: ListSource, _ anchors: Anchors) -> EndorsementKeeper {
        EndorsementKeeper(source: source, store: store, anchors: anchors)
    }

    @Test("A chip's certificate is renewed like any document; a forged one's chip, or a denied one, is not asked for")
    func chips() async throws {
        let snp = try Simulated.snp
        let (old, new) = (
            try snp.vcek(tcb: Simulated.tcb, validFor: 2).certificate, try snp.vcek(tcb: Simulated.tcb).certificate
        )
        let stranger = try SimulatedSNPPlatform(product: .milan)
        let theirs = try stranger.vcek(tcb: Simulated.tcb, validFor: 2).certificate
        let ends = try #require(EndorsementDocument(old, named: EndorsementName("")).goodUntil) - 86_400
        let documents = SNPEvidence.documents(in: [old, theirs, snp.ask, snp.ark])
        try await store.keep(documents.filter { $0.name.text.hasPrefix("vcek/") || $0.issuers == [snp.ark.der] })
        let source = ListSource(store) { EndorsementDocument(new, named: $0) }
        let anchors = try Simulated.anchors
        // Whoever can write to the database says when rows end, and what they are called.
        let own = EndorsementIdentity(of: try EndorsementKey(old))
        let name = AMDDocument.key(own).name
        try store.tamper("UPDATE endorsements SET good_until = good_until + 1")
        let held = try #require(try await store.endorsements(named: [name]).first)
        #expect(held.goodUntil == old.notAfter, "a certificate says itself when it ends")
        let denial = Denial(Endorser(chip: snp.chipID), reason: "leaked", actor: "test", time: now)
        try await store.deny(denial, recording: AuditRecord(.denyEndorser, by: .server, at: now))
        #expect(try await keeper(source, anchors).renew(at: ends).renewed.isEmpty)
        #expect(source.state.withLock { $0.asked.isEmpty })
        _ = try await store.allow(denial.endorser, recording: AuditRecord(.allowEndorser, by: .server, at: now))
        #expect(try await keeper(source, anchors).renew(at: ends).renewed == [name])
        #expect(source.state.withLock { $0.asked } == [name])
    }

    @Test("A vendor's new authority is asked for when a certificate does not fit the old one")
    func newAuthority() async throws {
        let (snp, former) = (try Simulated.snp, try SimulatedSNPPlatform(product: .milan))
        let anchors = try Simulated.anchors.trusting(former.roots)
        try await store.keep(SNPEvidence.documents(in: [former.ask, former.ark]))
        let signer = try snp.vcek(tcb: Simulated.tcb)
        let key = AMDDocument.key(EndorsementIdentity(of: try EndorsementKey(signer.certificate))).name
        let authority = AMDDocument.authority(.milan, .vcek).name
        let source = ListSource(store) {
            $0 == key
                ? EndorsementDocument(signer.certificate, named: $0)
                : EndorsementDocument(snp.ask, above: [snp.ark], named: $0)
        }
        let report = try ReportTemplate(of: snp, tcb: Simulated.tcb).signed(by: signer)
        let result = try await Appraiser(anchors: anchors, source: source).appraise(
            SNPEvidence(try AttestationReport(bytes: report)), Exchange(at: now), expecting: Expectations())
        #expect(result.verdict.isGenuine && result.missing == nil)
        #expect(source.state.withLock { $0.asked } == [key, authority])

        source.state.withLock { $0.asked = [] }
        _ = try await keeper(source, anchors).fetch(key, at: now)
        #expect(source.state.withLock { $0.asked } == [key, authority])
        #expect(source.state.withLock { $0.distrusted.isEmpty })
        #expect(try await keeper(source, anchors).has(key, at: now))
    }

    @Test("An import takes no certificate that is over, is denied, or is another's than its name says")
    func importing() async throws {
        let snp = try Simulated.snp
        let vcek = try Simulated.vcek.certificate
        let documents = SNPEvidence.documents(in: [vcek, snp.ask, snp.ark])
        let source = ListSource(store) { _ in throw EndorsementUnavailable("nobody is asked") }
        let keeper = keeper(source, try Simulated.anchors)
        let over = try await keeper.take(documents, at: vcek.notAfter + 1)
        #expect(over.kept.count == 1 && over.refused.map(\.1) == [.ended(vcek.notAfter)], "the authority holds on")
        let other = EndorsementIdentity(
            kind: .vcek, product: .milan, hardwareID: Array(repeating: 9, count: 64), tcb: Simulated.tcb)
        let misnamed = EndorsementDocument(vcek, named: AMDDocument.key(other).name)
        #expect(try await keeper.take([misnamed], at: now).refused.map(\.1) == [.misnamed])
        let denied = Endorser.key(snp.ask.publicKeyFingerprint)
        try await store.deny(
            Denial(denied, reason: "leaked", actor: "test", time: now),
            recording: AuditRecord(.denyEndorser, by: .server, at: now))
        #expect(try await keeper.take(documents, at: now).refused.map(\.1) == [.denied(denied), .denied(denied)])
    }
}
