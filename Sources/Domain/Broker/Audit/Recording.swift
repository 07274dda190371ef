import Bytes
import Crypto
import Evidence

/// Separate budgets, so that strangers' refusals do not displace those of genuine guests, nor one actor's another's.
package struct RecordBudgets: Sendable {
    package let strangers: RecordBudget
    package let genuine: RecordBudget
    /// For refusals from before any appraisal, which are stored as attempts but not in the trail.
    let unseen: RecordBudget
    package let actors = ActorBudgets()

    init(strangers: Int, genuine: Int) {
        self.strangers = RecordBudget(perMinute: strangers)
        unseen = RecordBudget(perMinute: strangers)
        self.genuine = RecordBudget(perMinute: genuine)
    }

    func budget(for verdict: Verdict?) -> RecordBudget { verdict?.isGenuine == true ? genuine : strangers }
}

extension Broker {
    /// Records refused evidence, within a budget.
    ///
    /// - Parameters:
    ///   - budget: `nil` for the verdict's.
    ///   - details: further members of the trail's record.
    func recordRefusal(
        _ attempt: Attempt, _ refusal: Refusal, as action: AuditRecord.Action, in budget: RecordBudget? = nil,
        noting details: [String: String] = [:]
    ) async throws {
        let recorded = RecordedAttempt(attempt, refusal, as: action, at: now())
        var record = AuditRecord.attest(recorded, as: action)
        record.details.merge(details) { $1 }
        try await keep(recorded, [record], in: budget ?? budgets.budget(for: attempt.verdict))
    }

    /// Stores a refusal within a budget, or counts it as a repetition of an earlier one.
    func keep(_ attempt: RecordedAttempt, _ records: [AuditRecord], in budget: RecordBudget) async throws {
        Caller.noteRecorded()
        guard budget.spend() else { return }
        try await keepWithinBudget(attempt, records, in: budget)
    }

    private func keepWithinBudget(
        _ attempt: RecordedAttempt, _ records: [AuditRecord], in budget: RecordBudget
    ) async throws {
        guard let mark = repeatedAttempts.earlier(like: attempt) else {
            return try await store.record(records, attempt: attempt)
        }
        if !records.isEmpty { budget.omit() }
        guard try await !store.countAgain(mark, at: attempt.time) else { return }
        // The earlier row was trimmed, or never written.
        repeatedAttempts.remember(attempt)
        try await store.record(records, attempt: attempt)
    }

    /// Stores a refusal from before any appraisal as an attempt, so that the operator sees it. The trail gets no
    /// record. The budget is as large as the strangers'.
    ///
    /// - Parameters:
    ///   - action: the attempted action.
    ///   - workload: the workload that the caller named; it may be unknown.
    package func recordUnseen(
        _ refusal: Refusal, as action: AuditRecord.Action, of workload: WorkloadID? = nil
    ) async throws {
        // `unavailable` is the refusal while the database is down: writing would fail too.
        guard !refusal.isOrdinary, refusal.code != .unavailable, Caller.current?.isRecorded != true else { return }
        Caller.noteRecorded()
        // Strangers can cause any number of these: nothing is allocated for one that is not stored.
        guard budgets.unseen.spend() else { return }
        try await keepWithinBudget(
            RecordedAttempt(nil, refusal, as: action, of: workload?.text, at: now()), [], in: budgets.unseen)
    }

    func recordBounded(_ record: AuditRecord, in budget: RecordBudget) async throws {
        guard budget.spend() else { return }
        try await store.record([record], attempt: nil)
    }

    /// Records the number of records left out since the last call, if there are any.
    package func recordOmissions() async throws {
        let (strangers, genuine) = (budgets.strangers.takeOmitted(), budgets.genuine.takeOmitted())
        let actors = budgets.actors.takeOmitted()
        guard strangers + genuine > 0 || !actors.isEmpty else { return }
        let known = actors.sorted { $0.value > $1.value }.map { "\($0.value) of \($0.key.text)" }
        let details = [
            "strangers": "\(strangers)", "genuine": "\(genuine)", "known": known.joined(separator: ", "),
        ]
        do {
            try await store.record([AuditRecord(.omit, by: .server, details: details, at: now())], attempt: nil)
        } catch {
            budgets.strangers.giveBack(strangers)
            budgets.genuine.giveBack(genuine)
            budgets.actors.giveBack(actors)
            throw error
        }
    }
}

extension AuditRecord {
    /// The record of an attempt. The verdict is stored with the attempt, which is trimmed in time; its digest in the
    /// record proves later which verdict was reached.
    static func attest(_ attempt: RecordedAttempt, as action: Action = .attest) -> AuditRecord {
        var record = AuditRecord(
            action, by: .guest, attempt.isAccepted ? .done : .refused,
            workload: attempt.workload.isEmpty ? nil : attempt.workload,
            session: attempt.session, chip: attempt.chip.isEmpty ? nil : attempt.chip, code: attempt.code,
            details: ["tee": attempt.tee], at: attempt.time)
        record.note(attempt)
        return record
    }

    /// Adds the verdict's digest and the failed checks.
    mutating func note(_ attempt: RecordedAttempt) {
        if let verdict = attempt.verdict {
            details["verdict_sha256"] = Hex.encode(SHA256.hash(data: attempt.verdictJSON.utf8))
            let failed = verdict.failures.map(\.check).joined(separator: " ")
            if !failed.isEmpty { details["failed"] = failed }
        }
    }
}
