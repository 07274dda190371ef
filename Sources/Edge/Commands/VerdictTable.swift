import Arguments
import Evidence

/// A verdict for a person, as a table, or for a program, as JSON.
struct VerdictTable {
    private let verdict: VerdictRecord
    private let title: String
    private let claims: [(name: String, value: String)]

    /// - Parameters:
    ///   - title: the subject of the verdict.
    ///   - claims: the report's claims.
    init(_ verdict: VerdictRecord, title: String, claims: ReportSummary? = nil) {
        (self.verdict, self.title, self.claims) = (verdict, title, claims?.fields ?? [])
    }

    /// Prints the verdict, and exits with 1 if it refuses.
    func conclude(json: Bool) throws {
        print(json ? try self.json() : text)
        guard verdict.accepted else { throw ExitCode(1) }
    }

    /// Each check with the expected and the found value, then the conclusion.
    var text: String {
        var lines = [title, ""]
        lines += claims.map { "  \($0.name.padding(to: 18))\($0.value)" }
        if !claims.isEmpty { lines.append("") }
        let width = verdict.checks.map { $0.check.count }.max() ?? 0
        let indent = String(repeating: " ", count: width + 12)
        for check in verdict.checks {
            let word = check.outcome.rawValue
            let gap = String(repeating: " ", count: max(1, 10 - word.count))
            let outcome = Terminal.emphasise(word, check.outcome)
            lines.append("\(outcome)\(gap)\(check.check.padding(to: width))  expected \(check.expected)")
            lines.append("\(indent)found    \(check.found)")
            if let advice = check.advice { lines.append("\(indent)\(advice)") }
        }
        return (lines + ["", conclusion]).joined(separator: "\n")
    }

    /// Genuineness and acceptability are two questions.
    private var conclusion: String {
        if verdict.accepted { return "Genuine and accepted." }
        let failed = verdict.failures.map(\.check).joined(separator: ", ")
        return verdict.genuine ? "Genuine, but refused: \(failed)." : "Not proven to be genuine: \(failed)."
    }

    /// One object: `genuine`, `accepted`, `checks`, and `claims` if there are any.
    private func json() throws -> String {
        struct Document: Encodable {
            let subject: String
            let genuine, accepted: Bool
            let claims: [String: String]?
            let checks: [VerdictRecord.Check]
        }
        return try Commands.text(
            ofJSON: Document(
                subject: title, genuine: verdict.genuine, accepted: verdict.accepted,
                claims: claims.isEmpty ? nil : Dictionary(uniqueKeysWithValues: claims), checks: verdict.checks))
    }
}
