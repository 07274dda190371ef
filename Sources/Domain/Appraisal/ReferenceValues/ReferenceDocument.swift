import Bytes
import Evidence
import Formats
public import FoundationEssentials

extension ReferenceValueSet {
    /// Reads a set from TOML. docs/policies.md describes the format.
    ///
    /// - Throws: a ``Refusal`` that names the key, with its line where there is one.
    public init(toml text: String, name: PolicyName) throws(Refusal) {
        var document = try KeyedDocument(toml: text, subject: "The set of reference values \(name)")
        let kinds = Kind.allCases.map(\.rawValue).joined(separator: ", ")
        guard let word = try document.text("kind") else {
            throw document.refuse("kind", "is missing: say what the values are, one of \(kinds)")
        }
        guard let kind = Kind(exactly: word) else {
            throw document.refuse("kind", "is \"\(word.prefix(40))\" and should be one of \(kinds)")
        }
        let values = try document.scalars("values")
        let source = try document.text("source") ?? ""
        func date(_ key: ExactText) throws(Refusal) -> Date? {
            guard let text = try document.text(key) else { return nil }
            guard let time = Self.time(text) else {
                throw document.refuse(key, "must be a day or a time with its zone: 2027-01-31, 2027-01-31T12:00:00Z")
            }
            return time
        }
        let period = ValidityPeriod(from: try date("valid_from"), expires: try date("expires"))
        try document.finish()
        guard let values else { throw document.refuse("values", "is missing: values = [\"…\"]") }
        do throws(Refusal) { try period.check() } catch { throw document.refuse("expires", error.sentence) }
        do throws(Refusal) {
            try self.init(
                name: name, kind: kind,
                values: try values.map { text throws(Refusal) in ReferenceValue(try kind.bytes(text), period) },
                source: source)
        } catch { throw document.refuse("values", "cannot be used: \(error.sentence)") }
    }

    /// Reads a day, which begins in UTC, or a time with its zone.
    public static func time(_ text: String) -> Date? {
        // TOML may have a space between the day and the time.
        let text = text.replacing(" ", with: "T", maxReplacements: 1)
        return RFC3339.date(text.contains("T") ? text : text + "T00:00:00Z")
    }
}
