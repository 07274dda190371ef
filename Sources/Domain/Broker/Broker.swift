import Bytes
import Concurrency
public import Evidence
public import FoundationEssentials

/// Gives each secret to the guest it was registered for, and to nobody else.
///
/// Three steps, each a file of its own: a challenge (``challenge(_:)``), an answer (``attest(_:to:stating:)``), and a secret: a
/// workload's (``release(_:session:wrappedBy:)``) or a resource (``releaseResource(_:to:stating:wrappedBy:)``). What operators
/// do is in Administering.swift.
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
    let guestRoom: GuestRoom
    let recentSessions = RecentSessions()
    let repeatedAttempts = RepeatedAttempts()
    let recentInitData = RecentInitData()
    public let prospects: Prospects
    let agent: (any PolicyAgent)?
    /// The longest resource that is taken, in bytes.
    public let longestResource: Int
    /// How guests reach this server, as far as is known.
    let guestsURL: String?

    /// All that a broker keeps.
    public typealias Storage = Store & SessionStore & ResourceStore & PolicyStore & DenialStore

    /// - Parameters:
    ///   - recordsPerMinute: how many refusals are recorded, of strangers and of genuine guests.
    ///   - releasesPerMinute: how often a guest is given one secret, also at once; all of them ten times as often. Each
    ///     is a record in the trail.
    ///   - guestRoom: how much of the database a machine's guests without a workload may fill at once, in KiB.
    ///   - agent: is asked where a policy says so.
    ///   - longestResource: in bytes.
    ///   - guestsURL: how guests reach this server; `nil` when that is not known.
    ///   - hasRoom: whether there is room for more guests on the disk. Where there is none, what they may have is
    ///     still released.
    ///   - now: the time.
    ///   - report: is told what happens, on the path of the request: it must not wait.
    public init(
        store: any Storage, endorsements: any EndorsementSource, keys: KeyRing, anchors: Anchors = .vendors,
        policy: AppraisalPolicy = AppraisalPolicy(), lifetimes: Lifetimes = Lifetimes(),
        recordsPerMinute: (strangers: Int, genuine: Int) = (60, 600),
        releasesPerMinute: Int = Broker.usualReleasesPerMinute, guestRoom: Int = Broker.usualGuestRoom,
        asking agent: (any PolicyAgent)? = nil,
        longestResource: Int = Broker.usualLongestResource,
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
        self.guestRoom = GuestRoom(max(1, guestRoom))
        prospects = Prospects(store, now: now)
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
    public static let usualLongestResource = 1_048_576
    /// 64 MiB: ten thousand guests, or a thousand with init data of their own.
    public static let usualGuestRoom = 65_536
    /// More than a guest that starts again and again asks for its secret.
    public static let usualReleasesPerMinute = 60
}

/// How long things are good for, in seconds.
public struct Lifetimes: Sendable, Hashable {
    public var challenge: TimeInterval = 300
    public var session: TimeInterval = 10_800
    /// How old a token of another verifier's may be, from its `iat` on.
    public var foreignToken: TimeInterval = 10_800
    /// How far the clocks of the servers that share a database may be from the database's own.
    public var clockTolerance: TimeInterval = 0

    public init() {}

    /// A server whose clock is further off the database's than this is not ready, and sweeps nothing.
    public static let sharedClockTolerance: TimeInterval = 60

    /// When a session that is ended now has expired, on every server's clock: two may be two tolerances apart.
    func ending(at now: Date) -> Date { now.addingTimeInterval(-2 * clockTolerance) }

    /// Of a guest of another verifier's that is ended now.
    public func bar(at now: Date) -> TokenBar {
        let issued = now.addingTimeInterval(clockTolerance)
        return TokenBar(issued: issued, kept: issued.addingTimeInterval(foreignToken + clockTolerance))
    }

    /// For how long after its expiry a session is remembered, so that no challenge is answered twice.
    ///
    /// One may be ended by the latest clock, whose end lies two tolerances before that, and swept by the earliest; and
    /// its challenge may have been made by the earliest and be looked at by the latest: six tolerances in all.
    public var remembrance: TimeInterval { challenge + 6 * clockTolerance }
}

/// Something that an operator may want to know. It never holds a secret.
public enum BrokerEvent: Sendable {
    case registered(WorkloadID, replaced: Bool)
    /// What whoever registered it should know.
    case registrationWarned(WorkloadID, String)
    case removed(WorkloadID)
    case challenged(WorkloadID?, TEE)
    /// A host asked for a channel and its platform was refused.
    case platformRefused(Attempt, Refusal)
    case attested(Attempt)
    case evidenceRefused(Attempt, Refusal)
    /// - Parameter head: the trail's end after the record of it, as far as this process wrote it.
    case released(WorkloadID, session: String, head: AuditHead?)
    case releaseRefused(session: String, Refusal)
    /// No evidence was looked at.
    case answerRefused(Refusal)
    case disabled(WorkloadID, Bool)
    case sessionsEnded(Int)
    case denialChanged(Endorser, isDenied: Bool)
    /// - Parameter head: the trail's end after the record of it, as far as this process wrote it.
    case resourceReleased(ResourcePath, session: String, head: AuditHead?)
    /// - Parameter verdict: the policy's, if it came to one.
    case resourceRefused(ResourcePath, session: String, Verdict?, Refusal)
    case resourceChanged(ResourcePath, AuditRecord.Action)
}
