public import FoundationEssentials

/// What must outlive the process. Acknowledged means durable.
///
/// What changes something takes the record of it along: both are written, or neither.
public protocol Store: KeyStore {
    // MARK: Workloads

    /// Writes a workload's measurement, configuration and sealed secret in one transaction. What was
    /// there under its id goes, with its sessions.
    ///
    /// - Parameters:
    ///   - replacing: whether there may be one.
    ///   - expected: the one that there must be.
    ///   - record: of a registration that was done.
    /// - Returns: whether it was new, replaced one, or was left alone.
    func register(
        _ registration: Registration, sealed: Sealed, replacing: Bool, expecting expected: Workload.Expectation?,
        at time: Date, recording record: @escaping @Sendable (_ replaced: Bool) -> AuditRecord
    ) async throws -> RegistrationOutcome

    func remove(
        _ id: WorkloadID, expecting expected: Workload.Expectation?, recording record: AuditRecord
    ) async throws -> ChangeOutcome

    /// A disabled workload's guests get nothing, until it is enabled again.
    func setDisabled(
        _ isDisabled: Bool, _ id: WorkloadID, expecting expected: Workload.Expectation?, recording record: AuditRecord
    ) async throws -> ChangeOutcome

    func workload(_ id: WorkloadID) async throws -> Workload?

    func workload(row: Workload.Row) async throws -> Workload?

    /// Workloads in the order of their ids, from the first one after `id`.
    ///
    /// - Parameter search: what their ids hold; the empty text for all.
    func workloads(after id: String, search: String, limit: Int) async throws -> [Workload]

    // MARK: Sessions

    /// Sessions that have not expired, in the order of their ids, from the first one after `id`.
    func sessions(
        _ selection: SessionSelection, after id: [UInt8], limit: Int, at time: Date
    ) async throws -> [OpenSession]

    /// Ends sessions. They count as expired from `time` on, and are remembered until they are swept, so that the
    /// challenges that they answered cannot be answered again.
    ///
    /// - Parameters:
    ///   - bar: for guests of other verifiers, whose tokens nobody takes back.
    ///   - record: of as many as are ended, if there are any. It is written before, or with, the first end.
    /// - Returns: how many.
    func endSessions(
        _ selection: SessionSelection, at time: Date, barring bar: TokenBar,
        recording record: @escaping @Sendable (Int) -> AuditRecord
    ) async throws -> Int

    /// Removes sessions that expired before `time`, which is so long ago that none of their challenges is good any
    /// more.
    ///
    /// - Returns: how many there were.
    func sweepSessions(before time: Date) async throws -> Int

    // MARK: Attempts and the trail

    /// Writes records, and an attempt if there was one.
    func record(_ records: [AuditRecord], attempt: RecordedAttempt?) async throws

    /// Counts an attempt that was refused as another was.
    ///
    /// - Parameter mark: of that one.
    /// - Returns: whether it is still kept.
    func countAgain(_ mark: String, at time: Date) async throws -> Bool

    /// Attempts, latest first, from the first one before `id`.
    func attempts(_ selection: AttemptSelection, before id: Int64, limit: Int) async throws -> [RecordedAttempt]

    func attempt(_ id: Int64) async throws -> RecordedAttempt?

    /// Forgets all but the latest attempts. The trail keeps what it says of them.
    func trimAttempts(keeping count: Int) async throws

    /// The trail's entries in their order, from the first one after `sequence`.
    func auditEntries(after sequence: Int64, limit: Int) async throws -> [AuditEntry]

    /// The trail's last entry, or ``AuditHead/start``.
    func auditHead() async throws -> AuditHead

    /// The last entry that this process has written, if it has written any: one of the trail, and no earlier than what it
    /// was last told was written.
    var writtenHead: AuditHead? { get }

    /// The hash of one entry.
    func auditHash(of sequence: Int64) async throws -> [UInt8]?
}

public enum RegistrationOutcome: Sendable, Hashable {
    /// The workload as it is now, and whether there was one before.
    case done(Workload, replaced: Bool)
    /// There is one, and it was not to be replaced.
    case exists
    /// There is a resource of this name.
    case isResource
    /// There is none, or another than was expected.
    case changed
    /// The policy that it names is not there.
    case unknownPolicy
    /// The master key that the secret is sealed under has been retired.
    case keyRetired
}

public enum ChangeOutcome: Sendable, Hashable {
    case done
    case missing
    /// It is another than was expected.
    case changed
}

/// Which sessions are meant: those that have all that is set.
public struct SessionSelection: Sendable, Hashable {
    /// 16 bytes.
    public var id: [UInt8]?
    public var workload: WorkloadID?
    /// In hex.
    public var chip: String?
    /// Of another verifier's guests.
    public var issuer: String?

    public init(id: [UInt8]? = nil, workload: WorkloadID? = nil, chip: String? = nil, issuer: String? = nil) {
        self.id = id
        self.workload = workload
        self.chip = chip
        self.issuer = issuer
    }

    public static let all = SessionSelection()
}

/// Which tokens of a guest are taken no more.
public struct TokenBar: Sendable, Hashable {
    /// Those that were made until then.
    public let issued: Date
    /// How long that is remembered: until each of them has expired.
    public let kept: Date

    public init(issued: Date, kept: Date) {
        self.issued = issued
        self.kept = kept
    }
}

/// A session as an operator sees it: one for a workload, or an attested guest's.
public struct OpenSession: Sendable, Hashable {
    public let id: [UInt8]
    /// `nil` for a guest that named none when it attested: policies decide what it may have.
    public let workload: WorkloadID?
    /// ``TEE/name``.
    public let tee: String
    public let chip: String
    public let opened: Date
    public let expires: Date
    /// Of the verifier that vouches for it; `nil` when it attested here.
    public let issuer: String?

    public init(
        id: [UInt8], workload: WorkloadID?, tee: String, chip: String, opened: Date, expires: Date,
        issuer: String? = nil
    ) {
        self.issuer = issuer
        self.id = id
        self.workload = workload
        self.tee = tee
        self.chip = chip
        self.opened = opened
        self.expires = expires
    }
}

/// Which attempts are meant.
public struct AttemptSelection: Sendable, Hashable {
    public var workload: String?
    public var accepted: Bool?

    public init(workload: String? = nil, accepted: Bool? = nil) {
        self.workload = workload
        self.accepted = accepted
    }
}
