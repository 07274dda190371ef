import Bytes
public import Evidence
public import FoundationEssentials

/// An operator's decision that a chip or a key is not trusted any more.
public struct Denial: Sendable, Hashable {
    public let endorser: Endorser
    public let reason: String
    /// The operator, as named in the trail.
    public let actor: String
    public let time: Date

    public init(_ endorser: Endorser, reason: String, actor: String, time: Date) {
        self.endorser = endorser
        self.reason = reason
        self.actor = actor
        self.time = time
    }

    /// Longest reason, in characters.
    static let longestReason = 200
}

/// A denial in the database.
public struct StoredDenial: Sendable, Hashable {
    public let endorser: Endorser
    /// `nil` if the row was changed or removed without a broker. The denial stays in force by the manifest.
    public let denial: Denial?

    public init(_ endorser: Endorser, _ denial: Denial?) {
        self.endorser = endorser
        self.denial = denial
    }
}

/// The store of denials. As with ``Store``, acknowledged means durable.
///
/// The denied chips and keys are in the manifest, which every server holds in memory and updates with each read of a
/// deciding row. So a check needs no read of the database, and a writer of the database cannot remove a denial.
public protocol DenialStore: Sendable {
    /// Adds a denial, or replaces its reason.
    func deny(_ denial: Denial, recording record: AuditRecord) async throws

    /// - Returns: whether it was denied.
    func allow(_ endorser: Endorser, recording record: AuditRecord) async throws -> Bool

    /// Denials in the order of their names, those after `name`.
    func denials(after name: String, limit: Int) async throws -> [StoredDenial]

    /// Whether something is denied, as of the last deciding row that this server has read. Callers read one before: the
    /// workload, the guest or the resource.
    func denies(_ endorser: Endorser) -> Bool

    /// The current list, for a caller that reads no deciding row.
    func denyList() async throws -> DenyList

    /// A digest of all denials in memory, 8 bytes.
    var denyListMark: [UInt8] { get }

    /// The state of the manifest that ``denies(_:)`` answers by, or a later one: read before, it lets a release be
    /// recorded only if no denial was made since.
    var denyListState: Int64 { get }
}

extension Broker {
    /// Denies a chip or a key, at once and on all servers: evidence that depends on it is refused, and sessions that
    /// depend on it get nothing more.
    ///
    /// - Parameter isWhole: whether the id is known to be whole: it is not compared with those that were seen.
    /// - Throws: a ``Refusal`` for an unusable reason, or for a chip's id that was seen only as the beginning of another.
    @discardableResult
    public func deny(
        _ endorser: Endorser, reason: String, isWhole: Bool = false, by actor: Actor
    ) async throws -> Denial {
        guard (1...Denial.longestReason).contains(reason.unicodeScalars.count),
            !reason.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
        else {
            throw Refusal(
                .invalidField,
                "reason must have 1 to \(Denial.longestReason) characters, none of them control characters.")
        }
        if endorser.kind == .chip, !isWhole { _ = try await seenChip(Hex.encode(endorser.bytes)) }
        let time = now()
        let denial = Denial(endorser, reason: reason, actor: actor.description, time: time)
        try await store.deny(
            denial, recording: .denial(.denyEndorser, endorser, by: actor, ["reason": reason], at: time))
        report(.denialChanged(endorser, isDenied: true))
        return denial
    }

    /// A chip's id as attempts and sessions state it: Turin's 8 bytes are followed by zeros there.
    ///
    /// - Parameter id: in hex; an id that was never seen is returned as it is.
    /// - Throws: a ``Refusal`` when only longer ids were seen that begin with it: lists may show ids shortened, and
    ///   nothing would be selected.
    public func seenChip(_ id: String) async throws -> String {
        let chip = try? Endorser(.chip, hex: id)
        // No id is longer.
        guard id.utf8.count < 128 else { return id }
        let seen = try await store.chips(beginningWith: id, limit: 4)
        if let same = seen.first(where: { $0 == id || (chip != nil && (try? Endorser(.chip, hex: $0)) == chip) }) {
            return same
        }
        guard !seen.isEmpty else { return id }
        throw Refusal(
            .invalidField,
            "The chip's id \(id) is only the beginning of one that was seen: give the whole id, "
                + "\(seen.joined(separator: " or ")), or deny it as it is (--whole).")
    }

    /// Withdraws a denial. Guests attest again, or continue their sessions.
    ///
    /// - Throws: a ``Refusal`` if it is not denied.
    public func allow(_ endorser: Endorser, by actor: Actor) async throws {
        let record = AuditRecord.denial(.allowEndorser, endorser, by: actor, [:], at: now())
        guard try await store.allow(endorser, recording: record) else {
            throw Refusal(.notFound, "The \(endorser) is not denied.")
        }
        report(.denialChanged(endorser, isDenied: false))
    }

    /// The denial of attested evidence.
    ///
    /// - Parameter endorsers: the chips and keys that the evidence depends on.
    /// - Returns: a refusing verdict; `nil` if none of them is denied.
    func denial(among endorsers: [Endorser]) -> Verdict? {
        endorsers.first(where: store.denies).map { Verdict(snpDenied: $0) }
    }

    /// The same after a policy's decision: with an agent, time has passed since the last read.
    func denial(among endorsers: [Endorser], decidedBy policy: Policy?) async throws -> Verdict? {
        guard policy?.agentDecision != nil else { return denial(among: endorsers) }
        return endorsers.first(where: try await store.denyList()).map { Verdict(snpDenied: $0) }
    }
}

extension AuditRecord {
    fileprivate static func denial(
        _ action: Action, _ endorser: Endorser, by actor: Actor, _ details: [String: String], at time: Date
    ) -> AuditRecord {
        AuditRecord(action, by: actor, details: details.merging(["endorser": endorser.name]) { $1 }, at: time)
    }
}
