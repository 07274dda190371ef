package import Evidence
import FoundationEssentials

/// A verdict for a person, as a table, or for a program, as JSON.
package struct VerdictTable: Sendable {
    private let verdict: VerdictRecord
    private let title: String
    private let claims: [(name: String, value: String)]

    /// - Parameters:
    ///   - title: what was looked at.
    ///   - claims: what it says.
    package init(_ verdict: Verdict, title: String, claims: ReportSummary? = nil) {
        self.init(VerdictRecord(verdict), title: title, claims: claims)
    }

    /// The same for a verdict that was kept.
    package init(_ verdict: VerdictRecord, title: String, claims: ReportSummary? = nil) {
        self.verdict = verdict
        self.title = title
        self.claims = claims?.fields ?? []
    }

    /// Lines of text: each check with what was expected and found, then the conclusion.
    ///
    /// - Parameter emphasise: wraps a word for a terminal.
    package func text(emphasise: (String, Check.Outcome) -> String = { word, _ in word }) -> String {
        var lines = [title, ""]
        for claim in claims {
            lines.append("  \(claim.name.padded(to: 18))\(claim.value)")
        }
        if !claims.isEmpty { lines.append("") }
        let width = verdict.checks.map { $0.check.count }.max() ?? 0
        for check in verdict.checks {
            let word = check.outcome.rawValue
            let gap = String(repeating: " ", count: max(1, 10 - word.count))
            let name = check.check.padded(to: width)
            let indent = String(repeating: " ", count: width + 12)
            lines.append("\(emphasise(word, check.outcome))\(gap)\(name)  expected \(check.expected)")
            lines.append("\(indent)found    \(check.found)")
            if let advice = check.advice { lines.append("\(indent)\(advice)") }
        }
        lines += ["", conclusion]
        return lines.joined(separator: "\n")
    }

    /// Whether it is genuine, and whether it is acceptable: two questions.
    private var conclusion: String {
        if verdict.accepted { return "Genuine and accepted." }
        let failed = verdict.failures.map(\.check).joined(separator: ", ")
        return verdict.genuine ? "Genuine, but refused: \(failed)." : "Not proven to be genuine: \(failed)."
    }

    /// One object: `genuine`, `accepted`, `checks`, and `claims` when there are any.
    package func json() throws -> String {
        struct Document: Encodable {
            let subject: String
            let genuine, accepted: Bool
            let claims: [String: String]?
            let checks: [VerdictRecord.Check]
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let document = Document(
            subject: title, genuine: verdict.genuine, accepted: verdict.accepted,
            claims: claims.isEmpty ? nil : Dictionary(uniqueKeysWithValues: claims.map { ($0.name, $0.value) }),
            checks: verdict.checks)
        return String(decoding: try encoder.encode(document), as: UTF8.self)
    }
}

extension String {
    /// Filled up with blanks, or cut, to that many characters.
    fileprivate func padded(to width: Int) -> String {
        prefix(width) + String(repeating: " ", count: max(0, width - count))
    }
}
