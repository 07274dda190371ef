public import Bytes
import Evidence
import Formats

/// A condition of a rule, as read from a policy or from the settings.
public enum Condition: Sendable, Hashable {
    /// One of these digests.
    case digests([Reference])
    /// One of these values.
    case bytes([[UInt8]])
    /// One of these words.
    case texts([ExactText])
    case number(UInt64)
    case bits(UInt64)
    /// Texts by name, such as versions by product.
    case table([ExactText: ExactText])
    case bool(Bool)
}

/// The form of a rule's condition: how it is read, written and checked.
enum Shape: Sendable {
    case digests(ReferenceValueSet.Kind)
    /// - Parameters:
    ///   - wanted: the accepted form, for error messages, e.g. `a family id has 32 hex digits`.
    ///   - none: the meaning of all zeros where they stand for "none"; such a value is refused.
    case bytes([Int], wanted: String, none: String? = nil)
    case words([String], wanted: String, inAnyCase: Bool = false)
    case texts
    case number(most: UInt64)
    /// A list of words, each of which stands for a bit.
    case flags(Flags, mayBeEmpty: Bool = false)
    /// Bits in hex, at least one.
    case bits(wanted: String)
    case table(@Sendable (_ name: ExactText, _ text: ExactText) -> Entry)
    case bool

    /// An entry of a table in its stored form, or the problem with it.
    enum Entry {
        case entry(ExactText, ExactText)
        case fault(String)
    }
}

extension Shape {
    /// - Returns: `nil` when the document does not have the key.
    /// - Throws: a ``Refusal`` that says what to write.
    func read(_ key: ExactText, from document: inout KeyedDocument) throws(Refusal) -> Condition? {
        switch self {
        case .digests(let kind):
            let wanted = "it is \(kind.form), or the name of reference values such as @web-2026.1"
            return try document.list(key, of: wanted) { text throws(Refusal) in
                let reference = try Reference(text)
                if case .value(let value) = reference, value.count != kind.length { return nil }
                return reference
            }.map(Condition.digests)
        case .bytes(let lengths, let wanted, _):
            return try document.list(key, of: wanted) { text in
                Hex.decode(text).flatMap { lengths.contains($0.count) ? $0 : nil }
            }.map(Condition.bytes)
        case .words(let words, let wanted, let inAnyCase):
            func plain(_ text: String) -> ExactText { ExactText(inAnyCase ? text.lowercased() : text) }
            return try document.list(key, of: wanted) { text in
                words.first { plain($0) == plain(text) }.map { ExactText($0) }
            }.map(Condition.texts)
        case .texts: return try document.list(key)?.map { ExactText($0) }.asCondition
        case .number: return try document.number(key).map(Condition.number)
        case .flags(let flags, let mayBeEmpty):
            return try document.list(key, of: flags.wanted, mayBeEmpty: mayBeEmpty) { flags[$0] }
                .map { .bits($0.reduce(0, |)) }
        case .bits(let wanted):
            guard let text = try document.text(key) else { return nil }
            guard let bits = UInt64(bits: text), bits != 0 else { throw document.refuse(key, wanted) }
            return .bits(bits)
        case .table(let read):
            var table: [ExactText: ExactText] = [:]
            for (name, text) in try document.table(key) {
                switch read(name, text) {
                case .entry(let name, let text):
                    guard table.updateValue(text, forKey: name) == nil else {
                        throw document.refuse(key, "has \(name) twice")
                    }
                case .fault(let problem): throw document.refuse(key, problem)
                }
            }
            return table.isEmpty ? nil : .table(table)
        case .bool: return try document.bool(key).map(Condition.bool)
        }
    }

    /// The problem with a condition that was made in code and not read; `nil` when it is valid.
    func fault(in condition: Condition) -> String? {
        let empty = "is an empty list, which no guest meets: give a value, or leave it out"
        switch (self, condition) {
        case (.digests(let kind), .digests(let references)):
            if references.isEmpty { return empty }
            for case .value(let value) in references {
                if value.count != kind.length {
                    return "holds a value of \(value.count) bytes where one has \(kind.form)"
                }
                // An unsigned guest reports zeros as its key digests: a value of zeros would accept everyone's.
                if kind.isZeroNone, value.isAllZero {
                    return "holds a value of zeros, which is how reports say \"none\": remove it"
                }
            }
        case (.bytes(let lengths, _, let none), .bytes(let values)):
            if values.isEmpty { return empty }
            for value in values {
                guard lengths.contains(value.count) else {
                    return "holds a value of \(value.count) bytes where one has "
                        + lengths.map { "\($0)" }.joined(separator: " or ")
                }
                if let none, value.isAllZero { return "holds \(none): remove it" }
            }
        case (.words(let words, _, _), .texts(let texts)):
            if texts.isEmpty { return empty }
            if let other = texts.first(where: { text in !words.contains { ExactText($0) == text } }) {
                return "holds \"\(other.text.prefix(40))\", which is not known"
            }
        case (.texts, .texts(let texts)): return texts.isEmpty ? empty : nil
        case (.number(let most), .number(let number)):
            return number > most ? "is \(number), and the highest is \(most)" : nil
        case (.flags(let flags, let mayBeEmpty), .bits(let bits)):
            return bits == 0 && !mayBeEmpty ? empty : bits & ~flags.all == 0 ? nil : "holds bits that are not known"
        case (.bits, .bits(let bits)): return bits == 0 ? "has no bits" : nil
        case (.table(let read), .table(let table)):
            if table.isEmpty { return empty }
            for (name, text) in table {
                if case .fault(let problem) = read(name, text) { return problem }
            }
        case (.bool, .bool): break
        default: return "has a value of another rule's form"
        }
        return nil
    }

    /// The JSON that ``read(_:from:)`` reads.
    func json(_ condition: Condition) -> JSONValue {
        switch condition {
        case .digests(let references): .array(references.map { .text($0.description) })
        case .bytes(let values): .array(values.map { .text(Hex.encode($0)) })
        case .texts(let texts): .array(texts.map { .text($0.text) })
        case .number(let number): .integer(Int(clamping: number))
        case .bits(let bits):
            if case .flags(let flags, _) = self {
                .array(flags.words(of: bits).map { .text($0.word) })
            } else {
                .text(Fact.bits(bits).description)
            }
        case .table(let table): JSONValue(table.mapValues { .text($0.text) })
        case .bool(let bool): .bool(bool)
        }
    }
}

extension [ExactText] {
    fileprivate var asCondition: Condition { .texts(self) }
}
