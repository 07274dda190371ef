import Bytes
public import Formats
public import FoundationEssentials

/// A value of a set, with its validity and origin.
public struct ReferenceValue: Sendable, Hashable {
    /// A digest of the kind's length, or the text of a number, truth value or text in UTF-8.
    public let bytes: [UInt8]
    /// The period in which the value accepts guests.
    public var period: ValidityPeriod
    /// `nil` for a value set by hand, and where the provenance was not read.
    public var provenance: Provenance?
    /// When it was added to its set; `nil` before it is stored, and where the entry was not read.
    public var entry: Entry?

    /// The actor who added a value to its set, and the time. Later changes of the set leave it.
    public struct Entry: Sendable, Hashable {
        /// As in the audit trail.
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

/// A named set of reference values: `web-2026.1` stands for 96 hex digits.
public struct ReferenceValueSet: Sendable, Hashable {
    /// The kind of the values. A rule of a policy accepts only sets of its own kind of digest. Numbers, truth values
    /// and texts are stored for clients that read them back (Trustee's set them); no rule uses them.
    public struct Kind: RawRepresentable, Sendable, Hashable, CaseIterable, Codable {
        public let rawValue: String
        /// The digest's length in bytes; `nil` for kinds that are no digests.
        public let length: Int?
        /// Whether zeros stand for "none" in reports, and so cannot be a value.
        let isZeroNone: Bool
        /// Parts of the names that Trustee's clients, which state no kind, use for values of this kind.
        package let aliases: [String]

        /// A kind of digest.
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

        /// Whether rules of policies can name sets of this kind.
        public var isRead: Bool { length != nil }

        /// The form of a value, for messages.
        public var form: String {
            switch self {
            case .number: "a whole number"
            case .boolean: "true or false"
            case .text: "a text of 1 to \(ReferenceValueSet.longestText) bytes"
            default: "\((length ?? 0) * 2) hex digits"
            }
        }

        /// A value's text: hex for a digest.
        public func text(_ value: [UInt8]) -> String {
            isRead ? Hex.encode(value) : String(decoding: value, as: UTF8.self)
        }

        /// - Throws: a ``Refusal`` when the text is not that of a value of this kind.
        public func bytes(_ text: String) throws(Refusal) -> [UInt8] {
            guard let value = isRead ? Hex.decode(text) : Array(text.utf8) else {
                throw Refusal(.invalidField, "values holds \"\(text.prefix(100))\", and a \(rawValue) is \(form).")
            }
            return value
        }
    }

    /// The longest text, in bytes.
    static let longestText = 1_024
    /// The most values in a set.
    static let mostValues = 4_096

    public let name: PolicyName
    public let kind: Kind
    /// At least one, without duplicates.
    public let values: [ReferenceValue]
    /// The source of the values: text or a URI. For people; no decision uses it.
    public let source: String
    /// The set that policies should name instead. For people: this set stays valid until its values expire.
    public let supersededBy: PolicyName?
    /// Whether it was set as a single value and not as a list of one, so that it is read back as one.
    public let isSingle: Bool

    /// - Parameter values: the first of duplicates counts.
    /// - Throws: a ``Refusal`` when there are no or too many values, or one does not have its kind's form, or is all
    ///   zeros where that means "none".
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
        // An unsigned guest reports zeros as its key digests: a value of zeros would accept everyone's.
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

    private static func isFit(_ value: [UInt8], for kind: Kind) -> Bool {
        guard let text = String(validating: value, as: UTF8.self) else { return false }
        return switch kind {
        case .number: Int(text).map { ExactText("\($0)") == ExactText(text) } ?? false
        case .boolean: ExactText(text) == "true" || ExactText(text) == "false"
        default: (1...longestText).contains(value.count) && !value.contains(0)
        }
    }

    /// The values' texts: digests in hex.
    public var texts: [String] { values.map { kind.text($0.bytes) } }

    /// The values as Trustee's clients read them: numbers as numbers, a value that was set alone without a list.
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

/// The sets that a policy names, as read at one moment.
public typealias ReferenceValues = [PolicyName: ReferenceValueSet]
