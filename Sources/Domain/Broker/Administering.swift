import Bytes
import Evidence

/// Operators' changes to workloads and sessions. The caller is authorized before.
extension Broker {
    /// Registers a workload, durably.
    ///
    /// - Parameter expected: the precondition (If-Match, If-None-Match); `nil` for none.
    /// - Throws: a ``Refusal`` when the id is registered and `replacing` is false, or the precondition does not hold.
    /// - Returns: the registered workload, and whether it replaced a registration of the same id.
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
        // Another process may have rotated the master keys and retired this server's: reload them and store once more.
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
        case .changed:
            throw expected == Workload.Expectation.none
                ? Refusal(
                    .preconditionFailed,
                    "The workload \(id) is registered: register it without demanding that there be none.")
                : Refusal.changed(id)
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
        let (id, launch) = (registration.id, registration.launch)
        return try await store.register(
            registration, sealed: try keys.seal(registration.secret, for: .secret(id, launch)),
            replacing: replacing, expecting: expected, at: time
        ) { replaced in
            AuditRecord(
                .registerWorkload, by: actor, workload: id.text,
                details: .members([
                    "tee": launch.technology, "replaced": "\(replaced)", "policy": launch.policyName?.text,
                ]), at: time)
        }
    }

    /// Removes a workload, its secret and its sessions.
    ///
    /// - Throws: a ``Refusal`` when the workload is unknown, or the precondition does not hold.
    public func remove(_ id: WorkloadID, expecting expected: Workload.Expectation? = nil, by actor: Actor) async throws
    {
        let record = AuditRecord(.removeWorkload, by: actor, workload: id.text, at: now())
        try Refusal.check(try await store.remove(id, expecting: expected, recording: record), id)
        report(.removed(id))
    }

    /// Disables or enables a workload. The guests of a disabled workload are not challenged and get no secret.
    ///
    /// - Throws: a ``Refusal`` when the workload is unknown, or the precondition does not hold.
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
    /// - Returns: the number of ended sessions.
    public func endSessions(_ selection: SessionSelection, by actor: Actor) async throws -> Int {
        let time = now()
        let bar = lifetimes.bar(at: time)
        let count = try await store.endSessions(selection, at: lifetimes.ending(at: time), barring: bar) { count in
            AuditRecord(
                .endSession, by: actor, workload: selection.workload?.text,
                session: selection.id.map { Hex.encode($0) }, chip: selection.chip,
                details: .members(["count": "\(count)", "issuer": selection.issuer]), at: time)
        }
        if count > 0 { report(.sessionsEnded(count)) }
        return count
    }

    /// Records an event from outside the broker.
    public func record(_ record: AuditRecord) async throws { try await store.record([record], attempt: nil) }

    /// Records a refused administrative request, within a budget: one for each authenticated actor, one for all callers
    /// without credentials.
    ///
    /// - Parameter isKnown: whether the actor is authenticated.
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

    /// An operator named an unknown workload.
    public static func notRegistered(_ id: some CustomStringConvertible) -> Refusal {
        Refusal(.workloadUnknown, "The workload \(id) is not registered.")
    }
}
