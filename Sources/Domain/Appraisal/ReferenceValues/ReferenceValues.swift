import Bytes
public import Formats
public import FoundationEssentials

/// Values that an operator knows by a name: `web-2026.1` rather than 96 hex digits.
public struct ReferenceValueSet: Sendable, Hashable, Codable {
    /// What the values are. A policy can name a set of digests only where its kind fits; numbers, truth values and texts are
    /// kept for whoever reads them back (Trustee's clients set them), and no rule reads them.
    public struct Kind: RawRepresentable, Sendable, Hashable, CaseIterable, Codable {
        public let rawValue: String
        /// How long each digest is, in bytes; `nil` for what is no digest.
        public let length: Int?
        /// What reports say "none" by, and so no value is.
        let isZeroNone: Bool
        /// Parts of names by which Trustee's clients, which state no kind, mean this one.
        package let aliases: [String]

        /// Of digests.
        init(_ name: String, length: Int, isZeroNone: Bool = true, aliases: [String]) {
            (rawValue, self.length, self.isZeroNone, self.aliases) = (name, length, isZeroNone, aliases)
        }

        private init(_ name: String) { (rawValue, length, isZeroNone, aliases) = (name, nil, false, []) }

        public static let number = Kind("number")
        public static let boolean = Kind("boolean")
        public static let text = Kind("text")

        public static let allCases = Vocabulary.all.flatMap(\.kinds) + [.number, .boolean, .text]

        public init?(rawValue: String) {
            guard let kind = Self.allCases.first(where: { ExactText($0.rawValue) == ExactText(rawValue) }) else {
                return nil
            }
            self = kind
        }

        public static func == (a: Kind, b: Kind) -> Bool { ExactText(a.rawValue) == ExactText(b.rawValue) }
        public func hash(into hasher: inout Hasher) { hasher.combine(ExactText(rawValue)) }

        /// Whether a rule of policies can name such a set.
        public var isRead: Bool { length != nil }

        /// What a value looks like, for sentences.
        public var form: String {
            switch self {
            case .number: "a whole number"
            case .boolean: "true or false"
            case .text: "a text of 1 to \(ReferenceValueSet.longestText) bytes"
            default: "\((length ?? 0) * 2) hex digits"
            }
        }
    }

    /// Of a text, in bytes.
    static let longestText = 1_024

    public let name: PolicyName
    public let kind: Kind
    /// At least one: digests, each as long as its kind, or numbers, truth values and texts as they are written, in UTF-8.
    public let values: [[UInt8]]
    /// Who says so, where and when: text or a URI. For people; nothing is decided by it.
    public let source: String
    /// From then on a policy that names the set lets nobody in by it.
    public let expires: Date?
    /// Whether it was set as one value, not as a list of one: so it is read back.
    public let isSingle: Bool

    /// - Throws: a ``Refusal`` when there are no values, or one has another form than its kind, or is of zeros where that
    ///   means "none".
    public init(
        name: PolicyName, kind: Kind, values: [[UInt8]], source: String, expires: Date?, isSingle: Bool = false
    ) throws(Refusal) {
        guard !values.isEmpty else {
            throw Refusal(
                .invalidField,
                "The set of reference values \(name) is empty: give at least one value, or remove the set.")
        }
        for value in values {
            if let length = kind.length {
                guard value.count == length else {
                    throw Refusal(
                        .invalidField,
                        "A value of \(name) has \(value.count) bytes and a \(kind.rawValue) has \(length): "
                            + "give it in \(length * 2) hex digits.")
                }
            } else {
                guard Self.isFit(value, for: kind) else {
                    throw Refusal(.invalidField, "A value of \(name) is not \(kind.form), as a \(kind.rawValue) is.")
                }
            }
        }
        // A guest that nobody signed for shows zeros: they would let in everyone's.
        guard !kind.isZeroNone || !values.contains(where: \.isAllZero) else {
            throw Refusal(
                .invalidField,
                "The reference values \(name) hold a value of zeros, which is how reports say \"none\": remove it.")
        }
        self.name = name
        self.kind = kind
        self.values = values
        self.source = source
        self.expires = expires
        self.isSingle = isSingle && values.count == 1
    }

    /// - Parameter texts: the values as people write them: digests in hex.
    /// - Throws: a ``Refusal``.
    public init(
        name: PolicyName, kind: Kind, texts: [String], source: String, expires: Date?, isSingle: Bool = false
    ) throws(Refusal) {
        var values: [[UInt8]] = []
        for text in texts {
            guard let value = kind.isRead ? Hex.decode(text) : Array(text.utf8) else {
                throw Refusal(
                    .invalidField, "values holds \"\(text.prefix(100))\", and a \(kind.rawValue) is \(kind.form).")
            }
            values.append(value)
        }
        try self.init(name: name, kind: kind, values: values, source: source, expires: expires, isSingle: isSingle)
    }

    private static func isFit(_ value: [UInt8], for kind: Kind) -> Bool {
        guard let text = String(validating: value, as: UTF8.self) else { return false }
        return switch kind {
        case .number: Int(text).map { ExactText("\($0)") == ExactText(text) } ?? false
        case .boolean: ExactText(text) == "true" || ExactText(text) == "false"
        default: (1...longestText).contains(value.count) && !value.contains(0)
        }
    }

    /// The values as people write them: digests in hex.
    public var texts: [String] {
        values.map { kind.isRead ? Hex.encode($0) : String(decoding: $0, as: UTF8.self) }
    }

    /// The values as Trustee's clients read them: numbers are numbers, and one that was set alone stands alone.
    public var json: JSONValue {
        let all = texts.map { text -> JSONValue in
            switch kind {
            case .number: Int(text).map { .integer($0) } ?? .text(text)
            case .boolean: .bool(ExactText(text) == "true")
            default: .text(text)
            }
        }
        return isSingle ? all.first ?? .null : .array(all)
    }
}

/// As a column of a database has the values.
extension ReferenceValueSet {
    /// Digests one after the other, and a byte behind them for one that was set alone; other values as JSON.
    package var valuesColumn: [UInt8] {
        guard kind.isRead else { return json.encoded }
        return Array(values.joined()) + (isSingle ? [1] : [])
    }

    /// - Returns: `nil` for what no column has.
    package static func values(column: [UInt8], kind: Kind) -> (values: [[UInt8]], isSingle: Bool)? {
        if let length = kind.length {
            let (count, rest) = column.count.quotientAndRemainder(dividingBy: length)
            guard rest == 0 || rest == 1 && count == 1 && column.last == 1 else { return nil }
            return ((0..<count).map { Array(column[$0 * length..<($0 + 1) * length]) }, rest == 1)
        }
        guard let json = try? JSON(column) else { return nil }
        func value(_ json: JSON) -> [UInt8]? {
            switch (kind, json.kind) {
            case (.number, .number), (.boolean, .bool): json.raw
            case (.text, .text): try? json.utf8()
            default: nil
            }
        }
        guard let list = json.asArray else { return value(json).map { ([$0], true) } }
        let values = list.compactMap(value)
        return values.count == list.count ? (values, false) : nil
    }
}

/// The sets that a policy names, as they are now.
public typealias ReferenceValues = [PolicyName: ReferenceValueSet]
