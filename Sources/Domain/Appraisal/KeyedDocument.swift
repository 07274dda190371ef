import Bytes
package import Formats

/// A reader of a TOML document, of the same in JSON, or of a table in one. A key that is never read is an error.
struct KeyedDocument {
    /// The longest document, in bytes.
    static let longest = 65_536

    /// The subject of error messages: `The policy web`.
    private let subject: String
    private let members: [ExactText: JSONValue]
    /// The members with their lines; `nil` in JSON.
    private let lines: TOMLTable?
    /// The keys that were read, in order.
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

    /// Reads a list of texts. A single text is read as a list of one.
    ///
    /// - Parameter mayBeEmpty: whether an empty list is allowed.
    mutating func list(_ key: ExactText, mayBeEmpty: Bool = false) throws(Refusal) -> [String]? {
        guard let value = take(key) else { return nil }
        let wanted = "must be a list of texts, such as \(key) = [\"…\"]"
        switch value {
        case .text(let text): return [text]
        case .array(let elements):
            guard mayBeEmpty || !elements.isEmpty else {
                throw refuse(key, "is an empty list, which no guest meets: give a value, or leave it out")
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

    /// Reads a list of texts, whole numbers or truth values, as text. A single value is read as a list of one.
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

    /// Reads a list of texts, each converted by `read`; `nil` from it refuses the text, and `wanted` says what is
    /// accepted.
    mutating func list<T>(
        _ key: ExactText, of wanted: String, mayBeEmpty: Bool = false, _ read: (String) throws(Refusal) -> T?
    ) throws(Refusal) -> [T]? {
        guard let texts = try list(key, mayBeEmpty: mayBeEmpty) else { return nil }
        var values: [T] = []
        for text in texts {
            let value: T?
            do throws(Refusal) { value = try read(text) } catch {
                throw refuse(key, "has a value that cannot be used: \(error.sentence)")
            }
            guard let value else { throw refuse(key, "holds \"\(text.prefix(100))\", and \(wanted)") }
            values.append(value)
        }
        return values
    }

    /// Reads a table of texts; empty when the key is absent.
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

    /// Reads a table as a document of its own, which may be empty.
    mutating func document(_ key: ExactText) throws(Refusal) -> KeyedDocument? {
        guard let value = take(key) else { return nil }
        guard let members = value.members else {
            throw refuse(key, "must be a table: [\(key)], and its rules under it")
        }
        return KeyedDocument(subject, members, lines?[key.text]?.table)
    }

    private mutating func take(_ key: ExactText) -> JSONValue? {
        known.append(key)
        // The JSON reader decodes an empty list as a list of numbers.
        if case .bytes(let numbers)? = members[key], numbers.isEmpty { return .array([]) }
        return members[key]
    }

    /// - Parameter other: says where a key belongs that is not allowed here; `nil` when it is unknown everywhere.
    /// - Throws: a ``Refusal`` when the document has a key that was not read.
    func finish(_ other: (ExactText) -> String? = { _ in nil }) throws(Refusal) {
        guard let key = members.keys.filter({ !known.contains($0) }).sorted().first else { return }
        throw refuse(
            key, other(key) ?? "is not known. What there is: \(known.map(\.text).joined(separator: ", "))")
    }

    /// An error about a key, with its line where there is one.
    func refuse(_ key: ExactText, _ problem: String) -> Refusal {
        let line = lines?[key.text].map { ", line \($0.keyPosition.line)" } ?? ""
        let end = problem.hasSuffix(".") ? "" : "."
        return Refusal(.invalidField, "\(subject)\(line): `\(key.text.prefix(64))` \(problem)\(end)")
    }
}

extension JSONValue {
    /// Times become texts: the key's reader decides on their meaning.
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
