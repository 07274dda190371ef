public import Evidence
public import FoundationEssentials

/// An operator's word that a chip or a key is not to be believed any more.
public struct Denial: Sendable, Hashable {
    public let endorser: Endorser
    public let reason: String
    /// Who denied it, as the trail names them.
    public let actor: String
    public let time: Date

    public init(_ endorser: Endorser, reason: String, actor: String, time: Date) {
        self.endorser = endorser
        self.reason = reason
        self.actor = actor
        self.time = time
    }

    /// In characters.
    static let longestReason = 200
}

/// A denial as it is in the database.
public struct StoredDenial: Sendable, Hashable {
    public let endorser: Endorser
    /// `nil` when somebody has changed or removed its row. It holds nonetheless: the manifest says so.
    public let denial: Denial?

    public init(_ endorser: Endorser, _ denial: Denial?) {
        self.endorser = endorser
        self.denial = denial
    }
}

/// Where it is kept what operators have denied. As with ``Store``: acknowledged means durable.
///
/// What is denied is in the manifest, whose list every server has in memory and brings up to date whenever it reads a row
/// that decides. So to look costs no read of the database, and whoever writes to it can take no denial away.
public protocol DenialStore: Sendable {
    /// Denies something, or says anew why it is denied.
    func deny(_ denial: Denial, recording record: AuditRecord) async throws

    /// - Returns: whether it was denied.
    func allow(_ endorser: Endorser, recording record: AuditRecord) async throws -> Bool

    /// In the order of their names, from the first one after `name`.
    func denials(after name: String, limit: Int) async throws -> [StoredDenial]

    /// Whether something is denied, as of the last row that decides that was read here. A caller reads one before: the
    /// workload, the guest or the resource.
    func denies(_ endorser: Endorser) -> Bool

    /// The list as it is now, for a caller that reads nothing else.
    func denyList() async throws -> DenyList

    /// Names the set of all that is denied, 8 bytes, as of the same moment: no other set has the same.
    var denyListMark: [UInt8] { get }
}

extension Broker {
    /// Denies a chip or a key, at once and for everyone: nothing that rests on it is attested, and no session that does is
    /// given anything.
    ///
    /// - Throws: a ``Refusal`` when the reason cannot be used.
    @discardableResult
    public func deny(_ endorser: Endorser, reason: String, by actor: Actor) async throws -> Denial {
        guard (1...Denial.longestReason).contains(reason.unicodeScalars.count),
            !reason.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
        else {
            throw Refusal(
                .invalidField,
                "reason must have 1 to \(Denial.longestReason) characters, none of them control characters.")
        }
        let time = now()
        let denial = Denial(endorser, reason: reason, actor: actor.description, time: time)
        try await store.deny(
            denial, recording: .denial(.denyEndorser, endorser, by: actor, ["reason": reason], at: time))
        report(.denialChanged(endorser, isDenied: true))
        return denial
    }

    /// Takes a denial back. Guests attest again, or go on with the sessions that they have.
    ///
    /// - Throws: a ``Refusal`` when it is not denied.
    public func allow(_ endorser: Endorser, by actor: Actor) async throws {
        let record = AuditRecord.denial(.allowEndorser, endorser, by: actor, [:], at: now())
        guard try await store.allow(endorser, recording: record) else {
            throw Refusal(.notFound, "The \(endorser) is not denied.")
        }
        report(.denialChanged(endorser, isDenied: false))
    }

    /// Whether guests that were attested may still be given anything.
    ///
    /// - Parameter endorsers: what their evidence rests on.
    /// - Returns: the verdict on those that may not.
    func denial(among endorsers: [Endorser]) -> Verdict? {
        endorsers.first(where: store.denies).map { Verdict(snpDenied: $0) }
    }

    /// The same once all is decided: an agent may have taken its time since the last read.
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
