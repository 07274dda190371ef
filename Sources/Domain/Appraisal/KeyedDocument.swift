import Bytes
package import Formats

/// Keys and values of which every key is taken, or is an error: a TOML document, the same in JSON, or a table of one.
struct KeyedDocument {
    /// More than any policy has.
    static let longest = 65_536

    /// For sentences: `The policy web`.
    private let subject: String
    private let members: [ExactText: JSONValue]
    /// Where they stand; `nil` in JSON.
    private let lines: TOMLTable?
    /// The keys that were asked for, in this order.
    private var known: [ExactText] = []

    private init(_ subject: String, _ members: [JSONValue.Member], _ lines: TOMLTable?) {
        (self.subject, self.lines) = (subject, lines)
        self.members = Dictionary(members.map { (ExactText($0.name), $0.value) }) { $1 }
    }

    /// - Throws: a ``Refusal`` when the text is not TOML.
    init(toml text: String, subject: String) throws(Refusal) {
        guard text.utf8.count <= Self.longest else {
            throw Refusal(.invalidField, "\(subject) has \(text.utf8.count) bytes and may have \(Self.longest).")
        }
        do throws(TOMLFault) {
            let table = try TOML.read(Array(text.utf8))
            self.init(subject, JSONValue(table).members ?? [], table)
        } catch {
            throw Refusal(
                .invalidField,
                "\(subject), line \(error.position.line), \(error.reason) (column \(error.position.column)).")
        }
    }

    /// - Throws: a ``Refusal`` when the text is not a JSON object.
    init(json text: String, subject: String) throws(Refusal) {
        var limits = JSON.Limits()
        limits.name = Self.longest
        guard let json = try? JSON(Array(text.utf8), limits: limits), let members = JSONValue(json).members else {
            throw Refusal(.invalidField, "\(subject) is not a JSON object.")
        }
        self.init(subject, members, nil)
    }

    // MARK: Taking

    mutating func text(_ key: ExactText) throws(Refusal) -> String? {
        guard let value = take(key) else { return nil }
        guard case .text(let text) = value else { throw refuse(key, "must be text in quotation marks") }
        return text
    }

    mutating func bool(_ key: ExactText) throws(Refusal) -> Bool? {
        guard let value = take(key) else { return nil }
        guard case .bool(let bool) = value else { throw refuse(key, "must be true or false") }
        return bool
    }

    mutating func number(_ key: ExactText) throws(Refusal) -> UInt64? {
        guard let value = take(key) else { return nil }
        guard case .integer(let number) = value, let small = UInt32(exactly: number) else {
            throw refuse(key, "must be a whole number from 0 to \(UInt32.max)")
        }
        return UInt64(small)
    }

    /// A list of texts. One text alone is a list of one.
    ///
    /// - Parameter mayBeEmpty: whether an empty list means something.
    mutating func list(_ key: ExactText, mayBeEmpty: Bool = false) throws(Refusal) -> [String]? {
        guard let value = take(key) else { return nil }
        let wanted = "must be a list of texts, such as \(key) = [\"…\"]"
        switch value {
        case .text(let text): return [text]
        case .array(let elements):
            guard mayBeEmpty || !elements.isEmpty else {
                throw refuse(key, "is an empty list, which nobody can meet: give a value, or leave it out")
            }
            var texts: [String] = []
            for element in elements {
                guard case .text(let text) = element else { throw refuse(key, wanted) }
                guard !texts.contains(where: { ExactText($0) == ExactText(text) }) else {
                    throw refuse(key, "holds \"\(text.prefix(100))\" twice")
                }
                texts.append(text)
            }
            return texts
        default: throw refuse(key, wanted)
        }
    }

    /// A list of texts, whole numbers or truth values, as they are written. One alone is a list of one.
    mutating func scalars(_ key: ExactText) throws(Refusal) -> [String]? {
        let values: [JSONValue]
        switch members[key] {
        case .array(let elements)? where elements.contains { $0.asText == nil }: values = elements
        case .integer(let number)?: values = [.integer(number)]
        case .bool(let bool)?: values = [.bool(bool)]
        default: return try list(key)
        }
        _ = take(key)
        var texts: [String] = []
        for value in values {
            switch value {
            case .text(let text): texts.append(text)
            case .integer(let number): texts.append("\(number)")
            case .bool(let bool): texts.append("\(bool)")
            default: throw refuse(key, "must be a list of texts, whole numbers or truth values")
            }
        }
        return texts
    }

    /// A list of texts, each of which means something.
    mutating func list<T>(
        _ key: ExactText, of wanted: String, mayBeEmpty: Bool = false, _ read: (String) throws(Refusal) -> T?
    ) throws(Refusal) -> [T]? {
        guard let texts = try list(key, mayBeEmpty: mayBeEmpty) else { return nil }
        var values: [T] = []
        for text in texts {
            let value: T?
            do throws(Refusal) { value = try read(text) } catch {
                throw refuse(key, "holds what it cannot: \(error.sentence)")
            }
            guard let value else { throw refuse(key, "holds \"\(text.prefix(100))\", and \(wanted)") }
            values.append(value)
        }
        return values
    }

    /// A table of texts; empty when there is none.
    mutating func table(_ key: ExactText) throws(Refusal) -> [ExactText: ExactText] {
        guard let value = take(key) else { return [:] }
        guard let members = value.members, !members.isEmpty else {
            throw refuse(key, "must be a table that is not empty: [\(key)], and under it lines such as name = \"text\"")
        }
        var texts: [ExactText: ExactText] = [:]
        for member in members {
            guard case .text(let text) = member.value else {
                throw refuse(key, "has \"\(member.name.prefix(64))\", which must be text in quotation marks")
            }
            texts[ExactText(member.name)] = ExactText(text)
        }
        return texts
    }

    /// A table with keys of its own, which may have none.
    mutating func document(_ key: ExactText) throws(Refusal) -> KeyedDocument? {
        guard let value = take(key) else { return nil }
        guard let members = value.members else {
            throw refuse(key, "must be a table: [\(key)], and its rules under it")
        }
        return KeyedDocument(subject, members, lines?[key.text]?.table)
    }

    private mutating func take(_ key: ExactText) -> JSONValue? {
        known.append(key)
        // JSON's reader takes an empty list for one of numbers.
        if case .bytes(let numbers)? = members[key], numbers.isEmpty { return .array([]) }
        return members[key]
    }

    /// - Parameter other: says of a key that is not known here where it belongs; `nil` when it is not known at all.
    /// - Throws: a ``Refusal`` when something was not taken.
    func finish(_ other: (ExactText) -> String? = { _ in nil }) throws(Refusal) {
        guard let key = members.keys.filter({ !known.contains($0) }).sorted().first else { return }
        throw refuse(
            key, other(key) ?? "is not known. What there is: \(known.map(\.text).joined(separator: ", "))")
    }

    /// An error about a key, with its line if it is there.
    func refuse(_ key: ExactText, _ problem: String) -> Refusal {
        let line = lines?[key.text].map { ", line \($0.keyPosition.line)" } ?? ""
        let end = problem.hasSuffix(".") ? "" : "."
        return Refusal(.invalidField, "\(subject)\(line): `\(key.text.prefix(64))` \(problem)\(end)")
    }
}

extension JSONValue {
    /// Times as they are written: what they mean is for whoever reads the key.
    package init(_ table: TOMLTable) {
        self = .object(table.entries.map { Member($0.key.text, JSONValue($0.value)) })
    }

    private init(_ value: TOMLValue) {
        switch value {
        case .text(let text): self = .text(text)
        case .integer(let number): self = .integer(number)
        case .number(let number): self = .number(number)
        case .bool(let bool): self = .bool(bool)
        case .time(let time): self = .text(time.text)
        case .array(let elements): self = .array(elements.map { JSONValue($0.value) })
        case .table(let table): self = JSONValue(table)
        }
    }
}
