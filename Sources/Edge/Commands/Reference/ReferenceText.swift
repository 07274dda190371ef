import Administration
import Broker
import Formats
import FoundationEssentials

/// The printed form of a set of reference values.
struct ReferenceText {
    let set: ReferenceValuesSummary

    /// - Parameter done: e.g. `Set`.
    func summary(_ done: String) -> String {
        "\(done) the reference values \(set.name), kind \(set.kind.rawValue), version \(set.version): \(set.life)."
            + (set.kind.isRead ? "" : " No rule of a policy reads this kind.")
    }

    var lines: [String] {
        var lines = [
            "name     \(set.name)", "kind     \(set.kind.rawValue)", "source   \(set.source)",
            "values   \(set.life)", "changed  \(set.changed.formatted(.iso8601))",
        ]
        for value in set.values {
            lines += ["", "value    \(value.value)"]
            if let period = Self.period(value) { lines.append("counts   \(period)") }
            lines += Self.provenance(value)
            if let added = value.added {
                lines.append("added    \(added.formatted(.iso8601)) by \(shown(value.by ?? "nobody"))")
            }
        }
        return lines
    }

    /// The printed form of a change.
    static func lines(_ change: ReferenceChangeSummary) -> [String] {
        var head = "version \(change.version), \(change.time.formatted(.iso8601)) by \(shown(change.by))"
        if !change.source.isEmpty { head += ", source \(shown(change.source))" }
        if let successor = change.supersededBy { head += ", superseded by @\(successor)" }
        var lines = [head]
        func tell(_ word: String, _ values: [ReferenceValueSummary], withProvenance: Bool) {
            for value in values {
                lines.append("\(word)  \(value.value)\(period(value).map { ", \($0)" } ?? "")")
                if withProvenance { lines += provenance(value).map { "       \($0)" } }
            }
        }
        tell("came ", change.added, withProvenance: true)
        tell("went ", change.removed, withProvenance: true)
        tell("dated", change.redated, withProvenance: false)
        if lines.count == 1 { lines.append("the same values") }
        if change.leftOut > 0 { lines.append("and \(change.leftOut) values that are not listed") }
        return lines
    }

    private static func period(_ value: ReferenceValueSummary) -> String? {
        let ends = [("from", value.validFrom), ("until", value.expires)].compactMap { word, time in
            time.map { "\(word) \(RFC3339.text($0))" }
        }
        return ends.isEmpty ? nil : ends.joined(separator: " ")
    }

    /// The provenance of a value.
    private static func provenance(_ value: ReferenceValueSummary) -> [String] {
        guard let provenance = value.provenance else { return ["set by hand: what it stands for was not said"] }
        var lines = [provenance.origin == .computed ? "computed" : "shown by a guest"]
        if let tool = provenance.tool { lines[0] += " by \(shown(tool))" }
        let parameters = provenance.parameters.sorted { $0.key < $1.key }.map { "\($0.key) \(shown($0.value))" }
        if !parameters.isEmpty { lines.append("with     \(parameters.joined(separator: ", "))") }
        for file in provenance.files {
            let role = shown(file.role).padding(to: 8)
            lines.append("\(role) \(shown(file.name ?? "a file")), sha256 \(file.sha256), \(file.size) bytes")
        }
        if let text = provenance.commandLine { lines.append("append   \(JSONString.quoted(text))") }
        return lines
    }
}
