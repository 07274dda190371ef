public import FoundationEssentials

/// Where workloads, sessions, attempts and the audit trail are stored. Acknowledged means durable.
///
/// A change and its audit record are written together: both or neither.
public protocol Store: KeyStore {
    // MARK: Workloads

    /// Writes a workload's measurement, configuration and sealed secret in one transaction. An earlier registration of
    /// the id is removed, with its sessions.
    ///
    /// - Parameters:
    ///   - replacing: whether the id may already be registered.
    ///   - expected: the precondition (If-Match); `nil` for none.
    ///   - record: makes the record of a successful registration.
    func register(
        _ registration: Registration, sealed: Sealed, replacing: Bool, expecting expected: Workload.Expectation?,
        at time: Date, recording record: @escaping @Sendable (_ replaced: Bool) -> AuditRecord
    ) async throws -> RegistrationOutcome

    func remove(
        _ id: WorkloadID, expecting expected: Workload.Expectation?, recording record: AuditRecord
    ) async throws -> ChangeOutcome

    /// Disables or enables a workload. The guests of a disabled workload get no secret.
    func setDisabled(
        _ isDisabled: Bool, _ id: WorkloadID, expecting expected: Workload.Expectation?, recording record: AuditRecord
    ) async throws -> ChangeOutcome

    func workload(_ id: WorkloadID) async throws -> Workload?

    func workload(row: Workload.Row) async throws -> Workload?

    /// Workloads ordered by id, those after `id`.
    ///
    /// - Parameter search: a substring of their ids; empty for all.
    func workloads(after id: String, search: String, limit: Int) async throws -> [Workload]

    /// The launch measurements of enabled workloads that are registered with one, ordered by id, those after `id`.
    ///
    /// - Parameter search: a substring of their ids.
    func measurements(
        after id: String, search: String, limit: Int
    ) async throws -> [(id: String, measurement: [UInt8])]

    // MARK: Sessions

    /// Sessions that have not expired, ordered by id, those after `id`.
    func sessions(
        _ selection: SessionSelection, after id: [UInt8], limit: Int, at time: Date
    ) async throws -> [OpenSession]

    /// Ends sessions. They expire at `time`; their rows are kept until they are swept, so that their challenges cannot
    /// be answered again.
    ///
    /// - Parameters:
    ///   - bar: for guests of other verifiers, whose tokens cannot be revoked.
    ///   - record: makes the record from the number of ended sessions; not called for 0. It is written before, or with,
    ///     the first end.
    /// - Returns: the number of ended sessions.
    func endSessions(
        _ selection: SessionSelection, at time: Date, barring bar: TokenCutoff,
        recording record: @escaping @Sendable (Int) -> AuditRecord
    ) async throws -> Int

    /// Removes sessions that expired before `time`: long enough ago that their challenges have expired too.
    ///
    /// - Returns: the number of removed sessions.
    func sweepSessions(before time: Date) async throws -> Int

    // MARK: Attempts and the trail

    /// Writes audit records, and an attempt if there is one.
    func record(_ records: [AuditRecord], attempt: RecordedAttempt?) async throws

    /// Counts a refusal as a repetition of an earlier one.
    ///
    /// - Parameter mark: the earlier attempt's ``RecordedAttempt/Repeats/mark``.
    /// - Returns: whether the earlier attempt is still stored.
    func countAgain(_ mark: String, at time: Date) async throws -> Bool

    /// Attempts, latest first, those before `id`.
    func attempts(_ selection: AttemptSelection, before id: Int64, limit: Int) async throws -> [RecordedAttempt]

    func attempt(_ id: Int64) async throws -> RecordedAttempt?

    /// Ids of chips in attempts and sessions that are `id` or begin with it, in hex and ascending.
    func chips(beginningWith id: String, limit: Int) async throws -> [String]

    /// Removes all but the latest attempts. Their records in the trail stay.
    func trimAttempts(keeping count: Int) async throws

    /// The trail's entries in order, those after `sequence`.
    func auditEntries(after sequence: Int64, limit: Int) async throws -> [AuditEntry]

    /// The trail's last entry, or ``AuditHead/start``.
    func auditHead() async throws -> AuditHead

    /// The last entry that this process has written; `nil` before its first. An entry of the trail, and no earlier than
    /// the last write that was acknowledged to a caller.
    var writtenHead: AuditHead? { get }

    /// An entry's hash, 32 bytes; `nil` when the trail has no such entry.
    func auditHash(of sequence: Int64) async throws -> [UInt8]?
}

public enum RegistrationOutcome: Sendable, Hashable {
    /// The registered workload, and whether it replaced an earlier registration.
    case done(Workload, replaced: Bool)
    /// The id is registered, and replacing was not allowed.
    case exists
    /// A resource has this name.
    case isResource
    /// The precondition does not hold.
    case changed
    /// The registration names a policy that does not exist.
    case unknownPolicy
    /// The master key that the secret is sealed under has been retired.
    case keyRetired
}

public enum ChangeOutcome: Sendable, Hashable {
    case done
    case missing
    /// The precondition does not hold.
    case changed
}

/// Selects sessions by all of the members that are set.
public struct SessionSelection: Sendable, Hashable {
    /// 16 bytes.
    public var id: [UInt8]?
    public var workload: WorkloadID?
    /// In hex.
    public var chip: String?
    /// The verifier that vouches for the guest, for guests of other verifiers.
    public var issuer: String?

    public init(id: [UInt8]? = nil, workload: WorkloadID? = nil, chip: String? = nil, issuer: String? = nil) {
        self.id = id
        self.workload = workload
        self.chip = chip
        self.issuer = issuer
    }

    public static let all = SessionSelection()
}

/// Bars a guest's tokens that were issued before it was ended.
public struct TokenCutoff: Sendable, Hashable {
    /// Tokens issued up to this time are refused.
    public let issued: Date
    /// How long the bar is stored: until all barred tokens have expired.
    public let kept: Date
}

/// A session as an operator sees it: one for a workload, or an attested guest's.
public struct OpenSession: Sendable, Hashable {
    public let id: [UInt8]
    /// `nil` for a guest that named none when it attested: the policy of each resource decides.
    public let workload: WorkloadID?
    /// ``TEE/name``.
    public let tee: String
    public let chip: String
    public let opened: Date
    public let expires: Date
    /// The verifier that vouches for the guest; `nil` when it attested here.
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

/// Selects attempts by all of the members that are set.
public struct AttemptSelection: Sendable, Hashable {
    public var workload: String?
    public var accepted: Bool?

    public init(workload: String? = nil, accepted: Bool? = nil) {
        self.workload = workload
        self.accepted = accepted
    }
}
