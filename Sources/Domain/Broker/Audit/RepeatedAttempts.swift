import Bytes
import Concurrency
import Evidence
import FoundationEssentials

/// Refusals of the last minute: a client's library tries again a few times within seconds, and an operator wants to see
/// that once, with a count.
final class RepeatedAttempts: Sendable {
    private struct Likeness: Hashable {
        let action, workload, tee, chip, address, version, failed: ExactText
        let code: Refusal.Code?
    }

    private let seen = BoundedCache<Likeness, (mark: String, last: Date)>(capacity: 1_024)
    private static let minute: TimeInterval = 60

    /// - Returns: the mark of the attempt that this one is like, if there was one within a minute; otherwise this one is
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
        // Without a verdict the words are the stranger's, who could make each another.
        let failed = attempt.verdict?.failures.map(\.check).joined(separator: " ")
        return Likeness(
            action: ExactText(attempt.action), workload: ExactText(attempt.workload), tee: ExactText(attempt.tee),
            chip: ExactText(attempt.chip), address: ExactText(attempt.origin.address),
            version: failed.map { _ in ExactText(attempt.origin.version) } ?? "", failed: ExactText(failed ?? ""),
            code: attempt.code)
    }
}
