import Bytes
import Evidence
import Formats

extension ReferenceValue {
    /// A reference value from an attempt's evidence: the launch measurement, or another digest that policies compare.
    ///
    /// Attempts are not in the manifest, so a writer to the database can change the digest that one states. The
    /// operator must look at the digest before adopting it.
    ///
    /// - Throws: a ``Refusal`` when the evidence was not genuine, does not state the digest, or is of a debuggable
    ///   guest, which its host could change.
    package init(seenIn attempt: RecordedAttempt, as kind: ReferenceValueSet.Kind) throws(Refusal) {
        let subject = "Attempt \(attempt.id)"
        guard attempt.verdict?.genuine != false, let kept = attempt.claims, let claims = try? GuestClaims(json: kept)
        else {
            throw Refusal(
                .invalidField,
                "\(subject) came without evidence that is genuine, so nobody knows what ran there: take an attempt to attest "
                    + "whose checks of genuineness passed (kbs attempts show \(attempt.id)).")
        }
        guard let term = Vocabulary.of(claims.tee).term(of: kind), let value = claims.evidence.bytes(term) else {
            throw Refusal(
                .invalidField,
                "\(subject) is of a \(claims.tee.rawValue) guest, whose evidence states no \(kind.rawValue).")
        }
        guard !claims.evidence.isDebuggable else {
            throw Refusal(
                .invalidField,
                "\(subject) is of a guest that its host may read and change (debug), and so no example of a good one: launch "
                    + "the same without debug, which measures the same, and take that attempt.")
        }
        var parameters = [
            "attempt": "\(attempt.id)", "time": RFC3339.text(attempt.time), "tee": claims.tee.rawValue,
            "action": attempt.action,
            "outcome": attempt.code.map { "refused: \($0.rawValue)" } ?? "accepted",
        ]
        let known = [
            "chip": attempt.chip, "session": attempt.session, "for": attempt.workload, "from": attempt.origin.address,
        ]
        parameters.merge(known.filter { !$0.value.isEmpty }) { $1 }
        let failed = attempt.verdict?.failures.map(\.check).joined(separator: " ") ?? ""
        if !failed.isEmpty { parameters["failed"] = failed }
        self.init(value, provenance: Provenance(.seen, parameters: parameters))
    }
}
