public import Broker
import Evidence
public import Foundation

extension ReferenceValueSet {
    /// Reads a set from TOML. docs/policies.md says what may stand there.
    ///
    /// - Throws: a ``Refusal`` that names the key, and its line where it can be found.
    public init(toml text: String, name: PolicyName) throws(Refusal) {
        var document = try TOMLDocument(text, subject: "The set of reference values \(name)")
        let kinds = Kind.allCases.map(\.rawValue).joined(separator: ", ")
        guard let word = try document.text("kind") else {
            throw document.refuse("kind", "is missing: say what the values are, one of \(kinds)")
        }
        guard let kind = Kind(rawValue: word) else {
            throw document.refuse("kind", "is \"\(word.prefix(40))\" and should be one of \(kinds)")
        }
        let values = try document.list("values", of: "a \(kind.rawValue) has \(kind.length * 2) hex digits") {
            Hex.decode($0).flatMap { $0.count == kind.length ? $0 : nil }
        }
        let source = try document.text("source") ?? ""
        let expires = try document.text("expires").map { text in
            guard let time = Self.time(text) else {
                return Result<Date, Refusal>.failure(
                    document.refuse(
                        "expires", "must be a day or a time with its zone: 2027-01-31, 2027-01-31T12:00:00Z"))
            }
            return .success(time)
        }?.get()
        try document.finish()
        guard let values else { throw document.refuse("values", "is missing: values = [\"…\"]") }
        try self.init(name: name, kind: kind, values: values, source: source, expires: expires)
    }

    /// A day begins in UTC.
    static func time(_ text: String) -> Date? {
        // TOML may have a space between the day and the time.
        let text = text.replacing(" ", with: "T", maxReplacements: 1)
        guard text.contains("T") else { return try? Date(text + "T00:00:00Z", strategy: .iso8601) }
        // Foundation would take one without a zone too.
        guard text.wholeMatch(of: /.*(Z|[+-]\d\d:\d\d)/) != nil else { return nil }
        return try? Date(text, strategy: .iso8601)
    }

    /// Reads the payload of a Trustee reference value message: a JSON map of names to lists of hex digits.
    ///
    /// It does not say what the values are, so their length does: 48 bytes are launch measurements, 32 are host data.
    ///
    /// - Throws: a ``Refusal`` that names the entry. Then none of them is to be kept.
    public static func sets(trusteeJSON json: Data, source: String) throws(Refusal) -> [ReferenceValueSet] {
        guard json.count <= TOMLDocument.longest,
            let map = try? JSONDecoder().decode([String: [String]].self, from: json),
            !map.isEmpty
        else {
            throw Refusal(
                .invalidField,
                "Reference values must be a JSON object of names and lists of hex digits, such as "
                    + "{\"web-2026.1\": [\"…\"]}.")
        }
        var sets: [ReferenceValueSet] = []
        for (name, texts) in map.sorted(by: { $0.key < $1.key }) {
            let values = texts.compactMap { Hex.decode($0) }
            guard values.count == texts.count,
                let kind = [Kind.measurement, .hostData].first(where: { kind in
                    !values.isEmpty && values.allSatisfy { $0.count == kind.length }
                })
            else {
                throw Refusal(
                    .invalidField,
                    "The values of \(name.prefix(64)) must all have 96 hex digits (launch measurements) or all 64 (host "
                        + "data). For other kinds use `kbs reference set`.")
            }
            sets.append(
                try ReferenceValueSet(
                    name: try PolicyName(name), kind: kind, values: values, source: source, expires: nil))
        }
        return sets
    }
}
