import Bytes
import Concurrency
import Evidence
import FoundationEssentials

/// Finds repetitions: a client's library retries a refused call a few times within seconds, and the operator should see
/// one attempt with a count.
final class RepeatedAttempts: Sendable {
    private struct Likeness: Hashable {
        let action, workload, tee, chip, address, version, failed: ExactText
        let code: Refusal.Code?
    }

    private let seen = BoundedCache<Likeness, (mark: String, last: Date)>(capacity: 1_024)
    private static let minute: TimeInterval = 60

    /// - Returns: the mark of a like attempt within the last minute; `nil` when there is none, and this attempt is then
    ///   remembered.
    func earlier(like attempt: RecordedAttempt) -> String? {
        seen.update(likeness(attempt), default: ("", .distantPast)) { entry in
            defer { entry.last = attempt.time }
            guard !entry.mark.isEmpty, attempt.time.timeIntervalSince(entry.last) < Self.minute else {
                entry.mark = attempt.repeats.mark
                return nil
            }
            return entry.mark
        }
    }

    func remember(_ attempt: RecordedAttempt) { seen[likeness(attempt)] = (attempt.repeats.mark, attempt.time) }

    private func likeness(_ attempt: RecordedAttempt) -> Likeness {
        // Without a verdict the version is a stranger's text, which could differ each time.
        let failed = attempt.verdict?.failures.map(\.check).joined(separator: " ")
        return Likeness(
            action: ExactText(attempt.action), workload: ExactText(attempt.workload), tee: ExactText(attempt.tee),
            chip: ExactText(attempt.chip), address: ExactText(attempt.origin.address),
            version: failed.map { _ in ExactText(attempt.origin.version) } ?? "", failed: ExactText(failed ?? ""),
            code: attempt.code)
    }
}
