import Bytes
import Concurrency
public import Evidence
public import FoundationEssentials

/// Releases each secret to the guest it was registered for, and to no other.
///
/// Three steps, a file each: a challenge (``challenge(_:)``), attestation (``attest(_:to:stating:)``), and the release
/// of a workload's secret (``release(_:session:wrappedBy:)``) or of a resource
/// (``releaseResource(_:to:stating:wrappedBy:)``). Operators' changes are in Administering.swift.
public final class Broker: Sendable {
    public let policy: AppraisalPolicy
    public let lifetimes: Lifetimes
    let anchors: Anchors
    let store: any Storage
    let keys: KeyRing
    let appraiser: Appraiser
    let platforms = BoundedCache<[UInt8], AppraisedSEVChain>(capacity: 512)
    let now: @Sendable () -> Date
    let hasRoom: @Sendable () -> Bool
    let report: @Sendable (BrokerEvent) -> Void
    package let budgets: RecordBudgets
    let releases: ReleaseLimiter
    let resourceReleases: ReleaseLimiter
    let guestReleases: ReleaseLimiter
    let guestRoom: GuestStorageQuota
    let recentSessions = RecentSessions()
    let repeatedAttempts = RepeatedAttempts()
    let recentInitData = RecentInitData()
    public let prospects: ReleaseForecast
    let agent: (any PolicyAgent)?
    /// The largest accepted resource, in bytes.
    public let longestResource: Int
    /// The URL at which guests reach this server; `nil` when unknown.
    let guestsURL: String?

    /// The broker's database.
    public typealias Storage = Store & SessionStore & ResourceStore & PolicyStore & DenialStore

    /// - Parameters:
    ///   - recordsPerMinute: refusals that are recorded in a minute, of strangers and of genuine guests.
    ///   - releasesPerMinute: releases of one secret to one guest in a minute, and at once; ten times as many for all
    ///     secrets of one guest. Each release is a record in the trail.
    ///   - guestRoom: the quota of the database for the guests of one machine that name no workload, in KiB.
    ///   - agent: the Open Policy Agent that policies with an `agent_decision` ask.
    ///   - longestResource: in bytes.
    ///   - guestsURL: the URL at which guests reach this server; `nil` when unknown.
    ///   - hasRoom: whether the disk has space for more guests. Otherwise new guests that name no workload are refused;
    ///     releases go on.
    ///   - now: the clock.
    ///   - report: receives events, on the path of the request: it must not block.
    public init(
        store: any Storage, endorsements: any EndorsementSource, keys: KeyRing, anchors: Anchors = .vendors,
        policy: AppraisalPolicy = AppraisalPolicy(), lifetimes: Lifetimes = Lifetimes(),
        recordsPerMinute: (strangers: Int, genuine: Int) = (60, 600),
        releasesPerMinute: Int = Broker.defaultReleasesPerMinute, guestRoom: Int = Broker.defaultGuestRoom,
        asking agent: (any PolicyAgent)? = nil,
        longestResource: Int = Broker.defaultLongestResource,
        reachedAt guestsURL: String? = nil,
        hasRoom: @escaping @Sendable () -> Bool = { true },
        now: @escaping @Sendable () -> Date = { Date() },
        reportingTo report: @escaping @Sendable (BrokerEvent) -> Void = { _ in }
    ) {
        self.store = store
        self.keys = keys
        self.anchors = anchors
        self.policy = policy
        self.lifetimes = lifetimes
        self.now = now
        self.hasRoom = hasRoom
        self.guestRoom = GuestStorageQuota(max(1, guestRoom))
        prospects = ReleaseForecast(store, now: now) { report(.rowLeftOut($0)) }
        self.agent = agent
        self.longestResource = longestResource
        self.guestsURL = guestsURL
        self.report = report
        releases = ReleaseLimiter(.perMinute(releasesPerMinute))
        resourceReleases = ReleaseLimiter(.perMinute(releasesPerMinute))
        guestReleases = ReleaseLimiter(.perMinute(releasesPerMinute * 10))
        budgets = RecordBudgets(strangers: recordsPerMinute.strangers, genuine: recordsPerMinute.genuine)
        appraiser = Appraiser(anchors: anchors, source: endorsements, denying: store.denies)
    }
}

extension Broker {
    /// 1 MiB: keys, certificates and configurations are smaller.
    public static let defaultLongestResource = 1_048_576
    /// 64 MiB: ten thousand guests, or a thousand with init data of their own. In KiB.
    public static let defaultGuestRoom = 65_536
    /// A guest that restarts in a loop stays below this.
    public static let defaultReleasesPerMinute = 60
}

/// How long challenges, sessions and tokens are valid, in seconds.
public struct Lifetimes: Sendable, Hashable {
    public var challenge: TimeInterval = 300
    public var session: TimeInterval = 10_800
    /// The greatest age of another verifier's token, counted from its `iat`.
    public var foreignToken: TimeInterval = 10_800
    /// The greatest difference between a server's clock and that of the database that servers share.
    public var clockTolerance: TimeInterval = 0

    public init() {}

    /// The tolerance with a shared database. A server whose clock differs by more is not ready, and removes no
    /// sessions.
    public static let sharedClockTolerance: TimeInterval = 60

    /// Expiry that ends a session now on every server; clocks may differ by two tolerances.
    func ending(at now: Date) -> Date { now.addingTimeInterval(-2 * clockTolerance) }

    /// Bars the tokens of another verifier's guest whose session is ended now.
    public func bar(at now: Date) -> TokenCutoff {
        let issued = now.addingTimeInterval(clockTolerance)
        return TokenCutoff(issued: issued, kept: issued.addingTimeInterval(foreignToken + clockTolerance))
    }

    /// How long a session's row is kept after its expiry, so that no challenge is answered twice.
    ///
    /// Six clock tolerances: the server with the slowest clock may set the expiry, two tolerances before its own time,
    /// and the one with the fastest remove the row; and the challenge may come from the fastest and be checked by the
    /// slowest.
    public var remembrance: TimeInterval { challenge + 6 * clockTolerance }
}

/// An event for the operator's log. It never holds a secret.
public enum BrokerEvent: Sendable {
    case registered(WorkloadID, replaced: Bool)
    /// A warning to the registrant: see ``Broker/warnings(on:)``.
    case registrationWarned(WorkloadID, String)
    case removed(WorkloadID)
    case challenged(WorkloadID?, TEE)
    /// The platform of an SEV host that asked for a channel was refused.
    case platformRefused(Attempt, Refusal)
    case attested(Attempt)
    case evidenceRefused(Attempt, Refusal)
    /// - Parameter head: the trail's head after this release's record, as far as this process wrote it.
    case released(WorkloadID, session: String, head: AuditHead?)
    case releaseRefused(session: String, Refusal)
    /// A workload's guest, or its host, was refused a challenge.
    case challengeRefused(WorkloadID, Refusal)
    /// The answer to a challenge was refused before its evidence was appraised.
    case answerRefused(Refusal)
    case disabled(WorkloadID, Bool)
    case sessionsEnded(Int)
    case denialChanged(Endorser, isDenied: Bool)
    /// - Parameter head: the trail's head after this release's record, as far as this process wrote it.
    case resourceReleased(ResourcePath, session: String, head: AuditHead?)
    /// - Parameter verdict: `nil` when the resource was refused before its policy was evaluated.
    case resourceRefused(ResourcePath, session: String, Verdict?, Refusal)
    case resourceChanged(ResourcePath, AuditRecord.Action)
    /// A policy or reference values in the database were left out of a ``ReleaseForecast``, for a reason.
    case rowLeftOut(String)
}
