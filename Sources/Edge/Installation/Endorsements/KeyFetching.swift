import Broker
import Bytes
import Endorsements
package import Evidence
import FoundationEssentials
import HTTPClient
import Storage

/// Fetches keys of chips from the vendor before guests need them, and keeps those that are genuine.
package struct KeyFetching: Sendable {
    private let service: KeyDistributionService
    private let vendor: String
    private let library: EndorsementLibrary
    private let data: DataFolder
    private let anchors: SNPAnchors
    private let denies: DenyList

    /// - Throws: ``InvalidSetting`` when the settings name nobody to ask.
    package init(_ settings: Settings, into data: DataFolder) async throws {
        guard var configuration = settings.keyDistribution else {
            throw InvalidSetting("endorsements.kds is empty, so there is nobody to ask")
        }
        // No guest waits: a pause that the vendor asks for is kept.
        configuration.deadline = max(configuration.deadline, .seconds(120))
        service = KeyDistributionService(client: settings.client, configuration: configuration)
        vendor = configuration.baseURL
        library = EndorsementLibrary(
            cache: data.store, folder: settings.endorsementsFolder.map(CertificateFolder.init))
        self.data = data
        anchors = try settings.anchors().snp
        denies = try await data.store.denyList()
    }

    /// - Throws: ``EndorsementUnavailable``, or ``InvalidSetting`` when what came is not genuine, or is denied.
    package func fetch(_ identity: EndorsementIdentity) async throws {
        if let chip = identity.hardwareID { try refuseDenied([Endorser(chip: chip)]) }
        let key = try EndorsementKey(try await service.key(identity))
        let above = AMDDocument.authority(identity.product, .vcek).name
        var kept = try await found(key, among: library.documents(named: [above]).flatMap(\.certificates))
        if kept == nil { kept = try await found(key, among: service.authorities(identity.product, .vcek)) }
        guard let chain = kept, EndorsementIdentity(of: key) == identity else {
            throw InvalidSetting("\(vendor) sent a certificate that is not \(identity)")
        }
        try refuseDenied(chain.endorsers)
        try await data.store.keep(chain.chain.documents)
    }

    private func refuseDenied(_ endorsers: [Endorser]) throws(InvalidSetting) {
        guard let denied = endorsers.first(where: denies) else { return }
        throw InvalidSetting("the \(denied) is denied: `kbs endorsements denied` says why")
    }

    private func found(_ key: EndorsementKey, among certificates: [Certificate]) -> AppraisedChain? {
        EndorsementChain(key: key, among: certificates).map { AppraisedChain($0, anchors: anchors) }
            .flatMap { $0.isGenuine ? $0 : nil }
    }
}

extension KeyFetching {
    /// What came of one key.
    package enum Outcome: Sendable, Hashable {
        case fetched, atHand
        case failed(String)
        /// The vendor was not asked, since it answers nothing now.
        case notAsked
    }

    /// What came of many.
    package struct Warming: Sendable {
        package private(set) var (fetched, atHand, failed, notAsked) = (0, 0, 0, 0)
        /// Why the vendor was asked no further.
        package fileprivate(set) var stopped: String?

        fileprivate mutating func count(_ outcome: Outcome) {
            switch outcome {
            case .fetched: fetched += 1
            case .atHand: atHand += 1
            case .failed: failed += 1
            case .notAsked: notAsked += 1
            }
        }
    }

    /// Fetches those of many keys that are not at hand, at the vendor's pace. What was fetched is kept at once, so that a
    /// run which ends early can be made again.
    ///
    /// - Parameter tell: is told of each key.
    package func warm(
        _ identities: [EndorsementIdentity], telling tell: (EndorsementIdentity, Outcome) -> Void
    ) async throws -> Warming {
        var (warming, waiting) = (Warming(), identities[...])
        try await withThrowingTaskGroup(of: (EndorsementIdentity, Outcome, stop: String?).self) { group in
            func askNext() {
                guard let identity = waiting.popFirst() else { return }
                let isStopped = warming.stopped != nil
                group.addTask {
                    if try await isAtHand(identity) { return (identity, .atHand, nil) }
                    if isStopped { return (identity, .notAsked, nil) }
                    return try await attempt(identity)
                }
            }
            // As many as one cause may have under way at the vendor.
            for _ in 0..<2 { askNext() }
            for try await (identity, outcome, stop) in group {
                warming.count(outcome)
                if let stop, warming.stopped == nil { warming.stopped = stop }
                tell(identity, outcome)
                askNext()
            }
        }
        if warming.fetched > 0 {
            try await data.store.recordLocally(.importEndorsements, ["keys": "\(warming.fetched)"])
        }
        return warming
    }

    private func isAtHand(_ identity: EndorsementIdentity) async throws -> Bool {
        let now = Date()
        return try await library.documents(named: [AMDDocument.key(identity).name]).contains { document in
            guard document.goodUntil.map({ now < $0 }) ?? true, let certificate = document.certificates.first,
                let key = try? EndorsementKey(certificate)
            else { return false }
            return EndorsementIdentity(of: key) == identity
        }
    }

    private func attempt(
        _ identity: EndorsementIdentity
    ) async throws -> (EndorsementIdentity, Outcome, stop: String?) {
        do {
            try await fetch(identity)
            return (identity, .fetched, nil)
        } catch let error as EndorsementUnavailable where error.isOfVendor {
            let wait = error.retryAfter.map { " (it asks to wait \($0) s)" } ?? ""
            return (identity, .notAsked, "\(error)\(wait)")
        } catch let error as EndorsementUnavailable {
            return (identity, .failed("\(error)"), nil)
        } catch let error as InvalidSetting {
            return (identity, .failed("\(error)"), nil)
        } catch let error as MalformedInput {
            return (identity, .failed("\(error)"), nil)
        }
    }
}
