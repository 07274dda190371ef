import Broker
import Endorsements
package import Evidence
import Files
package import FoundationEssentials
import Storage

/// The work of `kbs endorsements` on a data folder.
package struct EndorsementCommands: Sendable {
    private let keeper: EndorsementKeeper
    private let data: DataFolder

    /// - Parameter asks: whether the vendor is asked for documents that are not at hand.
    /// - Throws: ``InvalidSetting`` if the settings name no vendor.
    package init(_ settings: Settings, in data: DataFolder, asking asks: Bool = true) throws {
        var settings = settings
        if asks && settings.keyDistribution == nil {
            throw InvalidSetting("endorsements.kds is empty: set it to AMD's service or a mirror")
        }
        if let deadline = settings.keyDistribution?.deadline {
            // No guest waits, so there is time for the vendor's Retry-After.
            settings.keyDistribution?.deadline = max(deadline, .seconds(120))
        }
        keeper = EndorsementKeeper(
            source: settings.library(over: data.store, asking: asks ? settings.vendors() : []), store: data.store,
            anchors: try settings.anchors())
        self.data = data
    }

    /// Imports a folder's genuine documents into the cache.
    ///
    /// - Parameter data: opened, or created, after the folder was listed.
    /// - Throws: ``InvalidSetting``, also if the folder cannot be listed.
    package static func importAll(
        from folder: URL, into data: @autoclosure () async throws -> DataFolder, _ settings: Settings
    ) async throws -> (kept: [EndorsementName], refused: [(subject: String, reason: String)]) {
        do { _ = try Folder.names(in: folder.filePath) } catch { throw InvalidSetting(error.description) }
        let commands = try EndorsementCommands(settings, in: try await data(), asking: false)
        let (documents, _, unreadable) = EndorsementFolder(folder).contents
        let (kept, refused) = try await commands.keeper.take(documents, at: Date())
        try await commands.record(kept.count)
        return (kept, unreadable.map { ($0.file, $0.reason) } + refused.map { ("\($0)", "\($1)") })
    }

    /// Fetches a document and its missing issuers from the vendor, and keeps them if they are genuine.
    ///
    /// - Throws: ``EndorsementUnavailable``, or ``InvalidSetting`` for a document that is not genuine, or is denied.
    package func fetch(_ name: EndorsementName) async throws {
        do { try await keeper.fetch(name, at: Date()) } catch let refusal as DocumentRefusal {
            throw InvalidSetting("\(name): \(refusal)")
        }
        try await record(1)
    }

    private func record(_ count: Int) async throws {
        guard count > 0 else { return }
        try await data.store.recordLocally(.importEndorsements, ["documents": "\(count)"])
    }
}

extension EndorsementCommands {
    /// The outcome for one document.
    package enum Outcome: Sendable, Hashable {
        case fetched, atHand
        case failed(String)
        /// The vendor was not asked, because it does not answer now.
        case notAsked
    }

    /// The outcomes for many documents.
    package struct Warming: Sendable {
        package fileprivate(set) var (fetched, atHand, failed, notAsked) = (0, 0, 0, 0)
        /// Why the vendor was not asked for the rest.
        package fileprivate(set) var stopped: String?
    }

    /// Fetches the documents that are not at hand, at the vendor's pace. Each is kept at once, so that an interrupted
    /// run can be repeated.
    ///
    /// - Parameter tell: called with each outcome.
    package func warm(
        _ names: [EndorsementName], telling tell: (EndorsementName, Outcome) -> Void
    ) async throws -> Warming {
        var (warming, waiting) = (Warming(), names[...])
        try await withThrowingTaskGroup(of: (EndorsementName, Outcome, stop: String?).self) { group in
            func askNext() {
                guard let name = waiting.popFirst() else { return }
                let isStopped = warming.stopped != nil
                group.addTask { try await attempt(name, asking: !isStopped) }
            }
            // The number of requests that one cause may have under way at the vendor.
            for _ in 0..<2 { askNext() }
            for try await (name, outcome, stop) in group {
                switch outcome {
                case .fetched: warming.fetched += 1
                case .atHand: warming.atHand += 1
                case .failed: warming.failed += 1
                case .notAsked: warming.notAsked += 1
                }
                if let stop, warming.stopped == nil { warming.stopped = stop }
                tell(name, outcome)
                askNext()
            }
        }
        try await record(warming.fetched)
        return warming
    }

    private func attempt(
        _ name: EndorsementName, asking asks: Bool
    ) async throws -> (EndorsementName, Outcome, stop: String?) {
        if try await keeper.has(name, at: Date()) { return (name, .atHand, nil) }
        guard asks else { return (name, .notAsked, nil) }
        do {
            try await keeper.fetch(name, at: Date())
            return (name, .fetched, nil)
        } catch let error as EndorsementUnavailable where error.isOfVendor {
            let wait = error.retryAfter.map { " (it asks to wait \($0) s)" } ?? ""
            return (name, .notAsked, "\(error)\(wait)")
        } catch let error as EndorsementUnavailable {
            return (name, .failed("\(error)"), nil)
        } catch let refusal as DocumentRefusal {
            return (name, .failed("\(refusal)"), nil)
        }
    }
}
