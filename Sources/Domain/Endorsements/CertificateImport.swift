public import Broker
import Bytes
public import Evidence

/// Takes certificates from a folder into the cache: those that lead to a pinned root, no others.
public struct CertificateImport: Sendable {
    /// What became of a folder.
    public struct Outcome: Sendable {
        public var keys: [EndorsementIdentity] = []
        public var authorities: [Certificate] = []
        public var refused: [(subject: String, reason: String)] = []
    }

    private let cache: any EndorsementStore
    private let anchors: SNPAnchors
    private let denies: DenyList

    /// - Parameter denies: what operators have denied: none of that is taken.
    public init(into cache: any EndorsementStore, anchors: SNPAnchors, denying denies: @escaping DenyList) {
        self.cache = cache
        self.anchors = anchors
        self.denies = denies
    }

    /// Imports every authority under a pinned root, and every key whose chain is in the folder or in the cache.
    public func run(_ folder: CertificateFolder) async throws -> Outcome {
        let (all, unreadable) = folder.contents
        var seen: Set<Certificate> = []
        let certificates = all.filter { seen.insert($0).inserted }
        var outcome = Outcome(refused: unreadable.map { ($0.file, $0.reason) })
        for found in anchors.authorities(among: certificates) {
            guard !found.isDenied(by: denies) else {
                outcome.refused.append((found.intermediate.commonName, Self.denied))
                continue
            }
            try await cache.keep([found.document])
            outcome.authorities.append(found.intermediate)
        }
        for certificate in certificates {
            guard ["SEV-VCEK", "SEV-VLEK"].contains(certificate.commonName) else { continue }
            do {
                let key = try EndorsementKey(certificate)
                let identity = EndorsementIdentity(of: key)
                let kept = try await cache.endorsements(
                    named: [AMDDocument.authority(key.product, key.kind).name]
                ).flatMap(\.certificates)
                guard let chain = EndorsementChain(key: key, among: certificates + kept) else {
                    outcome.refused.append(
                        ("\(identity)", "the certificates above it are not there: put the product's chain beside it"))
                    continue
                }
                let appraised = AppraisedChain(chain, anchors: anchors)
                guard appraised.isGenuine else {
                    outcome.refused.append(("\(identity)", "it does not lead to a pinned root"))
                    continue
                }
                guard !appraised.endorsers.contains(where: denies) else {
                    outcome.refused.append(("\(identity)", Self.denied))
                    continue
                }
                try await cache.keep(chain.documents)
                outcome.keys.append(identity)
            } catch let error as MalformedInput {
                outcome.refused.append((certificate.commonName, error.description))
            }
        }
        return outcome
    }

    private static let denied = "an operator has denied it: `kbs endorsements denied` says why"
}
