import Bytes
public import Formats
public import FoundationEssentials

/// One value of a set, and what is known of it.
public struct ReferenceValue: Sendable, Hashable {
    /// A digest as long as its kind, or a number, truth value or text as it is written, in UTF-8.
    public let bytes: [UInt8]
    /// When a guest that shows it is let in.
    public var period: ValidityPeriod
    /// `nil` of one that was set by hand, and where it was not read.
    public var provenance: Provenance?
    /// When it came into its set; `nil` of one that is not kept yet, and where it was not read.
    public var entry: Entry?

    /// By whom a value was put into its set, and when. It stays as long as the value does.
    public struct Entry: Sendable, Hashable {
        /// As the audit trail names it.
        public let actor: String
        public let time: Date

        public init(by actor: String, at time: Date) { (self.actor, self.time) = (actor, time) }
    }

    public init(
        _ bytes: [UInt8], _ period: ValidityPeriod = .always, provenance: Provenance? = nil, entry: Entry? = nil
    ) {
        (self.bytes, self.period, self.provenance, self.entry) = (bytes, period, provenance, entry)
    }
}

/// Values that an operator knows by a name: `web-2026.1` rather than 96 hex digits.
public struct ReferenceValueSet: Sendable, Hashable {
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

        /// A value as people write it: a digest in hex.
        public func text(_ value: [UInt8]) -> String {
            isRead ? Hex.encode(value) : String(decoding: value, as: UTF8.self)
        }

        /// - Throws: a ``Refusal`` when it is no ``text(_:)`` of this kind.
        public func bytes(_ text: String) throws(Refusal) -> [UInt8] {
            guard let value = isRead ? Hex.decode(text) : Array(text.utf8) else {
                throw Refusal(.invalidField, "values holds \"\(text.prefix(100))\", and a \(rawValue) is \(form).")
            }
            return value
        }
    }

    /// Of a text, in bytes.
    static let longestText = 1_024
    /// More than a policy can be held against in a moment.
    static let mostValues = 4_096

    public let name: PolicyName
    public let kind: Kind
    /// At least one, and each once.
    public let values: [ReferenceValue]
    /// Who says so, where and when: text or a URI. For people; nothing is decided by it.
    public let source: String
    /// The set that policies should name instead. For people: this one lets in until its values expire.
    public let supersededBy: PolicyName?
    /// Whether it was set as one value, not as a list of one: so it is read back.
    public let isSingle: Bool

    /// - Parameter values: of those that are there twice the first counts.
    /// - Throws: a ``Refusal`` when there are no values, or too many, or one has another form than its kind, or is of zeros
    ///   where that means "none".
    public init(
        name: PolicyName, kind: Kind, values: [ReferenceValue], source: String, supersededBy: PolicyName? = nil,
        isSingle: Bool = false
    ) throws(Refusal) {
        guard !values.isEmpty else {
            throw Refusal(
                .invalidField,
                "The set of reference values \(name) is empty: give at least one value, or remove the set.")
        }
        var seen: Set<[UInt8]> = []
        let unique = values.filter { seen.insert($0.bytes).inserted }
        guard unique.count <= Self.mostValues else {
            throw Refusal(
                .invalidField,
                "The set of reference values \(name) has \(unique.count) values and may have \(Self.mostValues): remove "
                    + "those that have expired, or make another set.")
        }
        for value in unique.lazy.map(\.bytes) {
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
        guard !kind.isZeroNone || !unique.contains(where: \.bytes.isAllZero) else {
            throw Refusal(
                .invalidField,
                "The reference values \(name) hold a value of zeros, which is how reports say \"none\": remove it.")
        }
        self.name = name
        self.kind = kind
        self.values = unique
        self.source = source
        self.supersededBy = supersededBy
        self.isSingle = isSingle && values.count == 1
    }

    /// - Parameter expires: of all values.
    /// - Throws: a ``Refusal``.
    public init(
        name: PolicyName, kind: Kind, values: [[UInt8]], source: String, expires: Date?, isSingle: Bool = false
    ) throws(Refusal) {
        let period = ValidityPeriod(expires: expires)
        try self.init(
            name: name, kind: kind, values: values.map { ReferenceValue($0, period) }, source: source,
            isSingle: isSingle)
    }

    /// - Parameters:
    ///   - texts: the values as people write them: digests in hex.
    ///   - expires: of all values.
    /// - Throws: a ``Refusal``.
    public init(
        name: PolicyName, kind: Kind, texts: [String], source: String, expires: Date?, isSingle: Bool = false
    ) throws(Refusal) {
        var values: [[UInt8]] = []
        for text in texts { values.append(try kind.bytes(text)) }
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
    public var texts: [String] { values.map { kind.text($0.bytes) } }

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

/// The sets that a policy names, as they are now.
public typealias ReferenceValues = [PolicyName: ReferenceValueSet]
