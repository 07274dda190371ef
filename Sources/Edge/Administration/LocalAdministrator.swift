public import Broker
import Bytes
public import Evidence
public import FoundationEssentials
import VirteeDialect

/// Works on a store. A server may run on it at the same time, and sees changes at once.
public struct LocalAdministrator: Administrator {
    public typealias Storage = Broker.Storage & TokenStore & EndorsementStore

    let broker: Broker
    let store: any Storage
    private let signer: @Sendable () async throws -> CheckpointKey
    /// On whose behalf, and what they may name.
    private let admission: Admission
    var actor: Actor { admission.actor }
    var reach: Reach { admission.reach }
    /// What the server would accept with other settings.
    let drafting: @Sendable ([String: String]) throws -> AppraisalPolicy
    let now: @Sendable () -> Date

    /// - Parameters:
    ///   - signer: gives the key that checkpoints are signed with.
    ///   - admission: on whose behalf, and what they may name.
    ///   - drafting: reads what the server would accept with other settings, by key.
    public init(
        _ broker: Broker, store: any Storage, signer: @escaping @Sendable () async throws -> CheckpointKey,
        for admission: Admission, drafting: @escaping @Sendable ([String: String]) throws -> AppraisalPolicy,
        now: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.drafting = drafting
        self.broker = broker
        self.store = store
        self.signer = signer
        self.admission = admission
        self.now = now
    }

    /// The same for someone else.
    func acting(as admission: Admission) -> LocalAdministrator {
        LocalAdministrator(broker, store: store, signer: signer, for: admission, drafting: drafting, now: now)
    }

    // MARK: Workloads

    public func workloads(after id: String, search: String, limit: Int) async throws -> WorkloadPage {
        let found = try await reach.page(after: id, limit: limit + 1, of: .path, named: \.id.text) {
            try await store.workloads(after: $0, search: search, limit: $1)
        }
        let (page, next) = found.page(limit)
        return WorkloadPage(workloads: page.map(summary), next: next?.id.text)
    }

    public func workload(_ id: String) async throws -> WorkloadSummary {
        guard let workload = try await store.workload(try named(id)) else { throw Refusal.notRegistered(id) }
        return summary(workload)
    }

    /// A workload's id, if it may be named.
    private func named(_ id: String) throws(Refusal) -> WorkloadID {
        let id = try WorkloadID(id)
        try reach.check(id)
        return id
    }

    private func summary(_ workload: Workload) -> WorkloadSummary {
        WorkloadSummary(workload, warnings: broker.warnings(on: workload))
    }

    public func register(_ workload: NewWorkload, replacing: Bool) async throws -> WorkloadSummary {
        try await register(workload, replacing: replacing, expecting: nil).workload
    }

    /// - Returns: the workload as it was registered, whatever became of it since, and whether it replaced one.
    @discardableResult
    func register(
        _ workload: NewWorkload, replacing: Bool, expecting expected: Workload.Expectation?
    ) async throws -> (workload: WorkloadSummary, replaced: Bool) {
        try reach.check(workload.id, .path)
        let done = try await broker.register(
            try registration(of: workload), replacing: replacing, expecting: expected, by: actor)
        return (summary(done.workload), done.replaced)
    }

    private func registration(of workload: NewWorkload) throws -> Registration {
        switch workload.launch {
        case .measurement(let measurement, let configuration):
            return try Registration(
                workloadID: workload.id, launchMeasurement: measurement, teeConfig: configuration,
                secret: workload.secret)
        case .policy(let name):
            let policy = try PolicyName(name)
            // Another's says another's guests.
            try reach.check(policy)
            return try Registration(
                id: WorkloadID(workload.id), launch: .policy(policy), configuration: "", secret: workload.secret)
        }
    }

    public func setDisabled(_ isDisabled: Bool, workload id: String) async throws {
        try await setDisabled(isDisabled, workload: id, expecting: nil)
    }

    func setDisabled(_ isDisabled: Bool, workload id: String, expecting expected: Workload.Expectation?) async throws {
        try await broker.setDisabled(isDisabled, try named(id), expecting: expected, by: actor)
    }

    public func removeWorkload(_ id: String) async throws { try await removeWorkload(id, expecting: nil) }

    func removeWorkload(_ id: String, expecting expected: Workload.Expectation?) async throws {
        try await broker.remove(try named(id), expecting: expected, by: actor)
    }

    public func appraise(
        _ evidence: RecordedEvidence, against subject: AppraisalSubject
    ) async throws -> VerdictRecord {
        switch subject {
        case .workload(let id):
            VerdictRecord(
                try await broker.appraise(recorded: evidence.evidence, against: try named(id), by: actor))
        case .policy(let tested): try await appraise(evidence, against: tested)
        }
    }

    // MARK: Sessions and attempts

    public func sessions(_ selection: SessionSelection, after id: String, limit: Int) async throws -> SessionPage {
        guard let start = Hex.decode(id) else { throw Refusal(.invalidField, "after must be a session's id.") }
        let found = try await store.sessions(selection, after: start, limit: limit + 1, at: now())
        let (page, next) = found.page(limit)
        return SessionPage(sessions: page.map(SessionSummary.init), next: next.map { Hex.encode($0.id) })
    }

    public func endSessions(_ selection: SessionSelection) async throws -> Int {
        let ended = try await broker.endSessions(selection, by: actor)
        if selection.id != nil, ended == 0 { throw Refusal(.notFound, "There is no such session.") }
        return ended
    }

    public func attempts(
        _ selection: AttemptSelection, before id: Int64?, limit: Int
    ) async throws -> AttemptPage {
        let found = try await store.attempts(selection, before: id ?? .max, limit: limit + 1)
        let (page, next) = found.page(limit)
        return AttemptPage(attempts: page.map(AttemptSummary.init), next: next?.id)
    }

    public func attempt(_ id: Int64) async throws -> AttemptDetail {
        guard let attempt = try await store.attempt(id) else { throw Refusal.noAttempt(id) }
        return AttemptDetail(attempt)
    }

    // MARK: Tokens

    public func tokens() async throws -> TokenList {
        TokenList(tokens: try await store.tokens().map(TokenSummary.init))
    }

    public func createToken(_ role: Authority, description: String, lifetime: TimeInterval) async throws -> NewToken {
        let time = now()
        let (token, text) = try AccessToken.make(role: role, description: description, lifetime: lifetime, at: time)
        let record = AuditRecord(
            .createToken, by: actor,
            details: [
                "token": token.id, "role": role.description, "description": description,
                "expires": token.expires.formatted(.iso8601),
            ], at: time)
        try await store.insert(token, recording: record)
        return NewToken(token: text, summary: TokenSummary(token))
    }

    public func revokeToken(_ id: String) async throws {
        let time = now()
        let record = AuditRecord(.revokeToken, by: actor, details: ["token": id], at: time)
        guard try await store.revoke(token: id, at: time, recording: record) else {
            throw Refusal(.notFound, "There is no such token, or it was revoked before.")
        }
    }

    // MARK: The trail

    public func auditRecords(after sequence: Int64, limit: Int) async throws -> [AuditEntry] {
        try await store.auditEntries(after: sequence, limit: limit)
    }

    public func checkpoint() async throws -> Checkpoint {
        try Checkpoint(try await store.auditHead(), at: now(), signedBy: try await signer())
    }

    // MARK: Endorsements

    public func endorsements(after fingerprint: String, limit: Int) async throws -> EndorsementPage {
        guard let start = Hex.decode(fingerprint) else { throw Refusal(.invalidField, "after must be a fingerprint.") }
        let found = try await store.endorsements(after: start, limit: limit + 1)
        let (page, next) = found.page(limit)
        return EndorsementPage(
            endorsements: page.map(EndorsementSummary.init), next: next.map { Hex.encode($0.document.fingerprint) })
    }

    public func endorsement(_ fingerprint: String) async throws -> EndorsementDetail {
        guard let kept = try await store.endorsement(try self.fingerprint(fingerprint)) else { throw noEndorsement }
        return EndorsementDetail(kept)
    }

    public func removeEndorsement(_ fingerprint: String) async throws {
        let bytes = try self.fingerprint(fingerprint)
        let record = AuditRecord(
            .removeEndorsement, by: actor, details: ["fingerprint": Hex.encode(bytes)], at: now())
        guard try await store.removeEndorsement(bytes, recording: record) else { throw noEndorsement }
    }

    private func fingerprint(_ text: String) throws(Refusal) -> [UInt8] {
        guard let bytes = Hex.decode(text), bytes.count == 32 else {
            throw Refusal(.invalidField, "A fingerprint has 64 hex digits.")
        }
        return bytes
    }

    private var noEndorsement: Refusal { Refusal(.notFound, "There is no such endorsement.") }

    // MARK: Denials

    public func denials(after name: String, limit: Int) async throws -> DenialPage {
        let (page, next) = try await store.denials(after: name, limit: limit + 1).page(limit)
        return DenialPage(denials: page.map(DenialSummary.init), next: next?.endorser.name)
    }

    public func deny(_ endorser: Endorser, reason: String) async throws -> DenialSummary {
        DenialSummary(KeptDenial(endorser, try await broker.deny(endorser, reason: reason, by: actor)))
    }

    public func allow(_ endorser: Endorser) async throws { try await broker.allow(endorser, by: actor) }
}

extension Array {
    /// The first `limit` elements, and the last of them if there are more.
    func page(_ limit: Int) -> (page: [Element], next: Element?) {
        let page = Array(prefix(limit))
        return (page, count > limit ? page.last : nil)
    }
}

extension Refusal {
    static func noAttempt(_ id: Int64) -> Refusal {
        Refusal(.notFound, "There is no attempt \(id), or it is no longer kept: the audit trail has its outcome.")
    }
}
