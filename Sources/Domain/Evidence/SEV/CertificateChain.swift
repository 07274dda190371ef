import Bytes
import Crypto

/// AMD's SEV root keys, each pinned by SHA-256 over the bytes of the ARK that its signature covers.
/// See docs/decisions/0002-pinned-anchors.md.
public struct SEVAnchors: Sendable, Hashable {
    private var names: [[UInt8]: String]

    public static let amd = SEVAnchors(
        [
            "Naples": "8efddcaaf84990cf6354d93637be270220cf15797332b3d918c3b8cc77349f31",
            "Rome": "ae2456af6c6ad234badd6c75e58915be61568286766083853bf668e6e23977c3",
            "Milan": "263b13fd3170c6ffbb0b4f01f09848dc08a8dc1e9637d47e42cbe6c135e4af12",
        ])

    private init(_ pins: [String: String]) {
        names = [:]
        for (name, pin) in pins { if let fingerprint = Hex.decode(pin) { names[fingerprint] = name } }
    }

    /// These anchors and one more. Only for simulated hardware.
    public func trusting(_ fingerprint: [UInt8], as name: String) -> SEVAnchors {
        var anchors = self
        anchors.names[fingerprint] = name
        return anchors
    }

    /// The name of the product whose root this is.
    func product(ofRoot certificate: SEVCACertificate) -> String? { names[certificate.fingerprint] }
}

/// A platform's certificates, not yet verified.
public struct SEVCertificateChain: Sendable, Hashable {
    public let ark: SEVCACertificate
    public let ask: SEVCACertificate
    public let cek: SEVCertificate
    public let oca: SEVCertificate
    public let pek: SEVCertificate
    public let pdh: SEVCertificate

    public init(
        ark: SEVCACertificate, ask: SEVCACertificate, cek: SEVCertificate, oca: SEVCertificate, pek: SEVCertificate,
        pdh: SEVCertificate
    ) {
        self.ark = ark
        self.ask = ask
        self.cek = cek
        self.oca = oca
        self.pek = pek
        self.pdh = pdh
    }

    /// SHA-256 over the signed bytes of all certificates. They identify what a chain certifies: a host can change other
    /// bytes, such as an unused signature slot, without a new chain.
    public var fingerprint: [UInt8] {
        var hash = SHA256()
        for part in [ark, ask].map(\.signedBytes) + [cek, oca, pek, pdh].map(\.signedBytes) { hash.update(data: part) }
        return Array(hash.finalize())
    }

    /// Identifies the chip: the fingerprint of the CEK's key, because a host can change unsigned bytes of the CEK.
    ///
    /// - Returns: empty if the key is invalid, and the chain therefore not genuine.
    public var chipFingerprint: [UInt8] { cek.publicKeyFingerprint ?? [] }
}

/// The result of verifying an SEV chain. Only ``init(_:anchors:)`` makes one.
public struct AppraisedSEVChain: Sendable {
    public let chain: SEVCertificateChain
    /// The product of its root, e.g. `Naples`; `nil` if the root is not pinned.
    let product: String?
    /// The chip and all keys; empty if the chain is not genuine.
    public let endorsers: [Endorser]
    let checks: [Check]

    public var isGenuine: Bool { checks.allSatisfy { $0.outcome == .passed } }

    /// ARK signs ARK and ASK; ASK signs CEK; CEK and OCA both sign PEK; OCA signs OCA; PEK signs PDH. Below a CEK that
    /// is not AMD's nothing is verified.
    public init(_ chain: SEVCertificateChain, anchors: SEVAnchors) {
        self.chain = chain
        var list = CheckList()
        let product = anchors.product(ofRoot: chain.ark)
        self.product = product
        list.check(
            .sevRoot, expected: .text("a pinned root key (Naples, Rome or Milan), signed by itself if signed"),
            found: .text(product ?? Hex.encode(chain.ark.fingerprint)),
            product != nil && chain.ark.usage == .ark
                && (chain.ark.signature == nil || chain.ark.isSigned(by: chain.ark)),
            advice: "The root certificate is not AMD's: export the chain again (sevctl export --full).")
        // Anyone may send a chain: without a pinned root no signature is verified.
        guard list.checks.allSatisfy({ $0.outcome == .passed }) else {
            (checks, endorsers) = (list.checks, [])
            return
        }

        @discardableResult
        func link(
            _ name: Check.Name, _ expected: String, _ usage: (found: SEVUsage, wanted: SEVUsage), _ signed: Bool
        ) -> Bool {
            let right = usage.found == usage.wanted
            return list.check(
                name, expected: .text("\(usage.wanted), signed by \(expected)"),
                found: .text("\(usage.found), \(signed ? "signed by it" : "not signed by it")"), right && signed,
                advice: "The certificate chain breaks at the \(usage.wanted): export it again from the host "
                    + "(sevctl export --full), or provision the host anew.")
        }
        guard link(.sevASK, "the ARK", (chain.ask.usage, .ask), chain.ask.isSigned(by: chain.ark)),
            link(.sevCEK, "the ASK", (chain.cek.usage, .cek), chain.cek.isSigned(by: chain.ask))
        else {
            (checks, endorsers) = (list.checks, [])
            return
        }
        link(.sevOCA, "itself", (chain.oca.usage, .oca), chain.oca.isSigned(by: chain.oca))
        link(
            .sevPEK, "the CEK and the OCA", (chain.pek.usage, .pek),
            chain.pek.isSigned(by: chain.cek) && chain.pek.isSigned(by: chain.oca))
        link(.sevPDH, "the PEK", (chain.pdh.usage, .pdh), chain.pdh.isSigned(by: chain.pek))
        checks = list.checks
        let keys =
            [chain.ark.publicKeyFingerprint, chain.ask.publicKeyFingerprint]
            + [chain.cek, chain.oca, chain.pek, chain.pdh].map(\.publicKeyFingerprint)
        endorsers = [Endorser(chip: chain.chipFingerprint)] + keys.compactMap { $0.map { .key($0) } }
    }
}
