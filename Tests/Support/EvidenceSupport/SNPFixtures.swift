public import Appraisal
public import Bytes
public import Evidence
public import Foundation

/// What a report states, field by field. Empty bytes and `nil` are not stated.
public struct SNPClaims: Sendable, Hashable {
    public var product: Product?
    public var measurement: [UInt8]
    public var policy: GuestPolicy
    public var hostData: [UInt8] = []
    public var idKeyDigest: [UInt8] = []
    public var authorKeyDigest: [UInt8] = []
    public var familyID: [UInt8] = []
    public var imageID: [UInt8] = []
    public var chipID: [UInt8] = []
    public var vmpl: UInt32?
    public var guestSVN: UInt32?
    public var platformInfo: UInt64?
    public var reportedTCB: TCBVersion?
    public var currentTCB: TCBVersion?
    public var committedTCB: TCBVersion?
    public var launchTCB: TCBVersion?
    public var mitigations = StatedMitigations()
    public var endorsement: EndorsementKey.Kind?
    public var cspID: ExactText?

    public init(measurement: [UInt8], policy: GuestPolicy) { (self.measurement, self.policy) = (measurement, policy) }

    public var evidence: Claims {
        var claims = Claims(.snp, [SNPTerm.policy: .bits(policy.rawValue)])
        for (term, bytes) in [
            (SNPTerm.measurement, measurement), (SNPTerm.hostData, hostData), (SNPTerm.idKeyDigest, idKeyDigest),
            (SNPTerm.authorKeyDigest, authorKeyDigest), (SNPTerm.familyID, familyID), (SNPTerm.imageID, imageID),
            (SNPTerm.chipID, chipID),
        ] where !bytes.isEmpty {
            claims[term] = .bytes(bytes)
        }
        for (term, tcb) in [
            (SNPTerm.reportedTCB, reportedTCB), (SNPTerm.currentTCB, currentTCB), (SNPTerm.committedTCB, committedTCB),
            (SNPTerm.launchTCB, launchTCB),
        ] {
            claims[term] = tcb.map { .tcb($0) }
        }
        claims[SNPTerm.product] = product.map { .text($0.rawValue) }
        claims[SNPTerm.vmpl] = vmpl.map { .number(UInt64($0)) }
        claims[SNPTerm.guestSVN] = guestSVN.map { .number(UInt64($0)) }
        claims[SNPTerm.platformInfo] = platformInfo.map { .bits($0) }
        claims[SNPTerm.currentMitigations] = mitigations.current.map { .bits($0) }
        claims[SNPTerm.launchMitigations] = mitigations.launch.map { .bits($0) }
        claims[SNPTerm.endorsement] = endorsement.map { .text($0.rawValue) }
        claims[SNPTerm.cspID] = cspID.map { .text($0.text) }
        return claims
    }
}

/// The rules of the table [snp], field by field.
extension Policy {
    public enum VMPL: Sendable, Hashable {
        case exactly(UInt64)
        case atMost(UInt64)
    }

    private subscript(key: ExactText) -> Condition? {
        get { rules[.snp]?[key] }
        set { rules[.snp, default: Vocabulary.of(.snp).usual][key] = newValue }
    }

    private func digests(_ key: ExactText) -> [Reference]? {
        if case .digests(let list)? = self[key] { list } else { nil }
    }

    private func bytes(_ key: ExactText) -> [[UInt8]]? { if case .bytes(let list)? = self[key] { list } else { nil } }
    private func texts(_ key: ExactText) -> [ExactText]? { if case .texts(let list)? = self[key] { list } else { nil } }
    private func bits(_ key: ExactText) -> UInt64 { if case .bits(let bits)? = self[key] { bits } else { 0 } }
    private func number(_ key: ExactText) -> UInt64? {
        if case .number(let number)? = self[key] { number } else { nil }
    }

    public var tees: [GuestTEE] {
        get { GuestTEE.allCases.filter { rules[$0] != nil } }
        set {
            for tee in GuestTEE.allCases {
                rules[tee] = newValue.contains(tee) ? rules[tee] ?? Vocabulary.of(tee).usual : nil
            }
        }
    }

    public var measurements: [Reference]? {
        get { digests("measurements") }
        set { self["measurements"] = newValue.map { .digests($0) } }
    }
    public var hostData: [Reference]? {
        get { digests("host_data") }
        set { self["host_data"] = newValue.map { .digests($0) } }
    }
    public var idKeyDigests: [Reference]? {
        get { digests("id_key_digests") }
        set { self["id_key_digests"] = newValue.map { .digests($0) } }
    }
    public var authorKeyDigests: [Reference]? {
        get { digests("author_key_digests") }
        set { self["author_key_digests"] = newValue.map { .digests($0) } }
    }
    public var familyIDs: [[UInt8]]? {
        get { bytes("family_ids") }
        set { self["family_ids"] = newValue.map { .bytes($0) } }
    }
    public var imageIDs: [[UInt8]]? {
        get { bytes("image_ids") }
        set { self["image_ids"] = newValue.map { .bytes($0) } }
    }
    public var chips: [[UInt8]]? {
        get { bytes("chips") }
        set { self["chips"] = newValue.map { .bytes($0) } }
    }
    public var endorsements: [EndorsementKey.Kind]? {
        get { texts("endorsements")?.compactMap { EndorsementKey.Kind(exactly: $0) } }
        set { self["endorsements"] = newValue.map { .texts($0.map { ExactText($0.rawValue) }) } }
    }
    public var minimumGuestSVN: UInt64? {
        get { number("min_guest_svn") }
        set { self["min_guest_svn"] = newValue.map { .number($0) } }
    }
    public var requires: GuestPolicy {
        get { GuestPolicy(rawValue: bits("require")) }
        set { self["require"] = newValue.isEmpty ? nil : .bits(newValue.rawValue) }
    }
    public var platform: PlatformFeatures {
        get { PlatformFeatures(rawValue: bits("require_platform")) }
        set { self["require_platform"] = newValue.isEmpty ? nil : .bits(newValue.rawValue) }
    }
    public var vmpl: VMPL? {
        get { number("vmpl").map { .exactly($0) } ?? number("max_vmpl").map { .atMost($0) } }
        set {
            (self["vmpl"], self["max_vmpl"]) = (nil, nil)
            switch newValue {
            case .exactly(let level)?: self["vmpl"] = .number(level)
            case .atMost(let level)?: self["max_vmpl"] = .number(level)
            case nil: break
            }
        }
    }
    public var acceptsAnyMeasurement: Bool {
        get { self["accepts_any_measurement"] == .bool(true) }
        set { self["accepts_any_measurement"] = newValue ? .bool(true) : nil }
    }

    private var snp: Rules {
        get { rules[.snp] ?? Vocabulary.of(.snp).usual }
        set { rules[.snp] = newValue }
    }

    public var products: [Product]? {
        get { snp.products }
        set { snp.products = newValue }
    }
    public var cspIDs: [ExactText]? {
        get { snp.cspIDs }
        set { snp.cspIDs = newValue }
    }
    public var minimumTCB: [Product: TCBVersion] {
        get { snp.minimumTCB }
        set { snp.minimumTCB = newValue }
    }
    public var minimumMitigations: UInt64 {
        get { snp.minimumMitigations }
        set { snp.minimumMitigations = newValue }
    }
    public var holdsMinimumAtLaunch: Bool {
        get { snp.holdsMinimumAtLaunch }
        set { snp.holdsMinimumAtLaunch = newValue }
    }
    public var allows: GuestPolicy {
        get { snp.allowed }
        set { snp.allowed = newValue }
    }
}

/// All that a report is held against in one place: what the exchange binds it to, and what is acceptable.
public struct SNPExpectations: Sendable, Hashable {
    public struct Binding: Sendable, Hashable {
        public var reportData: [UInt8]?
        public var hostData: [UInt8]?
        public var generation: Product?
    }

    public var binding = Binding()
    public var server = Rules()
    public var registration = Rules()

    /// Of a workload that is registered with the usual guest policy.
    public init(measurement: [UInt8]?, reportData: [UInt8]?) {
        binding.reportData = reportData
        registration = .registration(measurement: measurement, policy: .unstated)
    }

    /// What is registered as the widest guest policy.
    public var policy: GuestPolicy? {
        get {
            guard case .bits(let require)? = registration["require"] else { return nil }
            return registration.allowed.union(GuestPolicy(rawValue: require))
        }
        set {
            let others = Rules.registration(measurement: nil, policy: newValue)
            (registration["allow"], registration["require"]) = (others["allow"], others["require"])
        }
    }
}

/// Every check of a report, without the detour over a broker.
public enum SNPVerifier {
    public static func verify(
        _ report: AttestationReport, endorsement: AppraisedChain?, offered: [Evidence.Certificate] = [],
        expecting expected: SNPExpectations, denying denies: DenyList? = nil, at time: Date
    ) -> Verdict {
        var evidence = SNPEvidence(report, certificates: offered)
        evidence.generation = expected.binding.generation
        return evidence.verify(
            by: endorsement, explaining: true,
            Exchange(
                reportData: expected.binding.reportData, initData: expected.binding.hostData, denying: denies,
                at: time),
            expecting: Expectations(server: expected.server, registration: expected.registration)
        ).verdict
    }
}
