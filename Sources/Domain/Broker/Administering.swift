import Bytes
import Evidence

/// What operators do to workloads and sessions. Who may, is decided before.
extension Broker {
    /// Registers a workload, durably.
    ///
    /// - Parameter expected: the version that must be there, if it matters.
    /// - Throws: a ``Refusal`` when there is one and `replacing` is false, or another than was expected.
    /// - Returns: the workload as it was registered, and whether it replaced one.
    @discardableResult
    public func register(
        _ registration: Registration, replacing: Bool = true, expecting expected: Workload.Expectation? = nil,
        by actor: Actor
    ) async throws -> (workload: Workload, replaced: Bool) {
        func store() async throws -> RegistrationOutcome {
            try await self.store(registration, replacing: replacing, expecting: expected, by: actor)
        }
        let id = registration.id
        let active = keys.held.active.id
        var outcome = try await store()
        // Another process has rotated the keys, and retired ours, before we noticed.
        if outcome == .keyRetired, try keys.isOther(than: active) { outcome = try await store() }
        switch outcome {
        case .done(let workload, let replaced):
            report(.registered(id, replaced: replaced))
            for warning in warnings(on: workload) { report(.registrationWarned(id, warning)) }
            return (workload, replaced)
        case .exists:
            throw Refusal(
                .workloadExists,
                "The workload \(id) is registered and is not to be replaced: remove it first, use another id, or "
                    + "see registration.replace.")
        case .isResource:
            throw Refusal(
                .resourceExists,
                "There is a resource \(id), and workloads and resources share their names: remove it first, or use "
                    + "another id.")
        case .changed: throw Refusal.changed(id)
        case .unknownPolicy:
            throw Refusal(
                .invalidField, "There is no policy \(registration.launch.policyName?.text ?? ""): set it first.")
        case .keyRetired: throw Refusal.masterKeyRetired
        }
    }

    private func store(
        _ registration: Registration, replacing: Bool, expecting expected: Workload.Expectation?, by actor: Actor
    ) async throws -> RegistrationOutcome {
        let time = now()
        let active = keys.held.active
        let (id, launch) = (registration.id, registration.launch)
        return try await store.register(
            registration, sealed: Sealed(bytes: try active.seal(registration), masterKey: active.id),
            replacing: replacing, expecting: expected, at: time
        ) { replaced in
            AuditRecord(
                .registerWorkload, by: actor, workload: id.text,
                details: ["tee": launch.technology, "replaced": "\(replaced)"].merging(
                    launch.policyName.map { ["policy": $0.text] } ?? [:]
                ) { $1 }, at: time)
        }
    }

    /// Removes a workload, its secret and its sessions.
    ///
    /// - Throws: a ``Refusal`` when there is none, or another than was expected.
    public func remove(_ id: WorkloadID, expecting expected: Workload.Expectation? = nil, by actor: Actor) async throws
    {
        let record = AuditRecord(.removeWorkload, by: actor, workload: id.text, at: now())
        try Refusal.check(try await store.remove(id, expecting: expected, recording: record), id)
        report(.removed(id))
    }

    /// Lets a workload's guests get nothing, or again what is theirs.
    ///
    /// - Throws: a ``Refusal`` when there is none, or another than was expected.
    public func setDisabled(
        _ isDisabled: Bool, _ id: WorkloadID, expecting expected: Workload.Expectation? = nil, by actor: Actor
    ) async throws {
        let record = AuditRecord(
            isDisabled ? .disableWorkload : .enableWorkload, by: actor, workload: id.text, at: now())
        try Refusal.check(
            try await store.setDisabled(isDisabled, id, expecting: expected, recording: record), id)
        report(.disabled(id, isDisabled))
    }

    /// Ends sessions at once: their guests must attest again.
    ///
    /// - Returns: how many there were.
    public func endSessions(_ selection: SessionSelection, by actor: Actor) async throws -> Int {
        let time = now()
        let bar = lifetimes.bar(at: time)
        let count = try await store.endSessions(selection, at: lifetimes.ending(at: time), barring: bar) { count in
            AuditRecord(
                .endSession, by: actor, workload: selection.workload?.text,
                session: selection.id.map { Hex.encode($0) }, chip: selection.chip,
                details: ["count": "\(count)"].merging(selection.issuer.map { ["issuer": $0] } ?? [:]) { $1 },
                at: time)
        }
        if count > 0 { report(.sessionsEnded(count)) }
        return count
    }

    /// Records something that was done outside the broker.
    public func record(_ record: AuditRecord) async throws { try await store.record([record], attempt: nil) }

    /// Records that a caller was turned away, as long as there are not too many records: for each who proved who they are,
    /// and for all strangers together.
    public func recordDenial(
        of action: String, by actor: Actor, isKnown: Bool, _ refusal: Refusal
    ) async throws {
        let record = AuditRecord(
            .denyAccess, by: actor, .refused, code: refusal.code, details: ["request": action], at: now())
        guard isKnown else { return try await recordBounded(record, in: budgets.strangers) }
        if budgets.actors.spend(actor) { try await self.record(record) }
    }
}

extension Refusal {
    fileprivate static func changed(_ id: WorkloadID) -> Refusal {
        Refusal(
            .preconditionFailed,
            "The workload \(id) is not what you last read: read it again, and decide anew.")
    }

    fileprivate static func check(_ outcome: ChangeOutcome, _ id: WorkloadID) throws(Refusal) {
        switch outcome {
        case .done: break
        case .missing: throw .notRegistered(id)
        case .changed: throw .changed(id)
        }
    }

    static let masterKeyRetired = Refusal(
        .unavailable, "The server's master key has been retired: it must be restarted with the new one.")

    /// To an operator who asks for a workload that is not there.
    public static func notRegistered(_ id: some CustomStringConvertible) -> Refusal {
        Refusal(.workloadUnknown, "The workload \(id) is not registered.")
    }
}
