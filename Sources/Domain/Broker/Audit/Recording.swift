import Bytes
import Crypto
import Evidence

/// Budgets of their own, so that noise from strangers leaves room for what genuine guests are refused, and no actor's
/// refusals take another's.
package struct RecordBudgets: Sendable {
    package let strangers: RecordBudget
    package let genuine: RecordBudget
    /// Of attempts that the trail says nothing of.
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
    /// Records evidence that was refused, as long as there is not too much of it.
    ///
    /// - Parameter details: for the trail, beside what the attempt says.
    func recordRefusal(
        _ attempt: Attempt, _ refusal: Refusal, as action: AuditRecord.Action, noting details: [String: String] = [:]
    ) async throws {
        let recorded = RecordedAttempt(attempt, refusal, as: action, at: now())
        var record = AuditRecord.attest(recorded, as: action)
        record.details.merge(details) { $1 }
        try await keep(recorded, [record], in: budgets.budget(for: attempt.verdict))
    }

    /// Keeps a refusal, or counts it with the one that it is like.
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
        // The row was trimmed since, or never written.
        repeatedAttempts.remember(attempt)
        try await store.record(records, attempt: attempt)
    }

    /// Keeps what was refused before any evidence was looked at, and of which the trail says nothing, as far as a
    /// budget of as many as strangers have goes: an operator is to see every refusal.
    ///
    /// - Parameter action: what was attempted.
    package func recordUnseen(_ refusal: Refusal, as action: AuditRecord.Action) async throws {
        // Nothing can be written while the database is away.
        guard !refusal.isOrdinary, refusal.code != .unavailable, Caller.current?.isRecorded != true else { return }
        Caller.noteRecorded()
        // Anyone can cause it in any number: nothing is put together of what is not kept.
        guard budgets.unseen.spend() else { return }
        try await keepWithinBudget(RecordedAttempt(refusal, as: action, at: now()), [], in: budgets.unseen)
    }

    func recordBounded(_ record: AuditRecord, in budget: RecordBudget) async throws {
        guard budget.spend() else { return }
        try await store.record([record], attempt: nil)
    }

    /// Says in the trail how many records were left out since the last time, if any were.
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
    /// The record of an attempt. The verdict itself is kept beside it for a while; its digest shows later that it is
    /// the one that was reached.
    static func attest(_ attempt: RecordedAttempt, as action: Action = .attest) -> AuditRecord {
        var record = AuditRecord(
            action, by: .guest, attempt.isAccepted ? .done : .refused,
            workload: attempt.workload.isEmpty ? nil : attempt.workload,
            session: attempt.session, chip: attempt.chip.isEmpty ? nil : attempt.chip, code: attempt.code,
            details: ["tee": attempt.tee], at: attempt.time)
        record.note(attempt)
        return record
    }

    /// Says what verdict was reached.
    mutating func note(_ attempt: RecordedAttempt) {
        if let verdict = attempt.verdict {
            details["verdict_sha256"] = Hex.encode(SHA256.hash(data: attempt.verdictJSON.utf8))
            let failed = verdict.failures.map(\.check).joined(separator: " ")
            if !failed.isEmpty { details["failed"] = failed }
        }
    }
}
