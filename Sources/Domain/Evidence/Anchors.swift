public import Bytes

/// The roots that a verifier trusts.
public struct Anchors: Sendable, Hashable {
    public var snp: SNPAnchors
    public var sev: SEVAnchors

    /// The vendors' roots, pinned in this code.
    public static let vendors = Anchors(snp: .amd, sev: .amd)

    /// These roots and a simulator's, whose keys can forge any evidence: only for a server that is told to on its
    /// command line.
    public func trusting(_ roots: SimulatedRoots) throws(MalformedInput) -> Anchors {
        var anchors = self
        for (name, pin) in roots.snp {
            guard let product = Product(name: name), let fingerprint = SimulatedRoots.fingerprint(pin) else {
                throw MalformedInput("simulated roots", "\"\(name)\" is not a product with a SHA-256")
            }
            anchors.snp = anchors.snp.trusting(fingerprint, for: product)
        }
        for (name, pin) in roots.sev {
            guard let fingerprint = SimulatedRoots.fingerprint(pin) else {
                throw MalformedInput("simulated roots", "\"\(name)\" has no SHA-256")
            }
            anchors.sev = anchors.sev.trusting(fingerprint, as: name)
        }
        return anchors
    }
}

/// A file of simulated roots: each product's pin, in hex, in the form of ``SNPAnchors`` and ``SEVAnchors``.
public struct SimulatedRoots: Sendable, Hashable, Codable {
    public var snp: [String: String]
    public var sev: [String: String]

    public init(snp: [String: String], sev: [String: String]) {
        self.snp = snp
        self.sev = sev
    }

    /// The roots of both.
    public func merging(_ others: SimulatedRoots) -> SimulatedRoots {
        SimulatedRoots(snp: snp.merging(others.snp) { $1 }, sev: sev.merging(others.sev) { $1 })
    }

    fileprivate static func fingerprint(_ pin: String) -> [UInt8]? {
        guard let bytes = Hex.decode(pin), bytes.count == 32 else { return nil }
        return bytes
    }
}
