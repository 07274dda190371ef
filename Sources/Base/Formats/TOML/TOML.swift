public import Bytes

/// TOML 1.0 documents, with the line and column of each key and value.
///
/// ```swift
/// let settings = try TOML.read(bytes)
/// if case .text(let level)? = settings["log"]?.table?["level"]?.value { … }
/// ```
/// Source: TOML 1.0.0. Read strictly: UTF-8, no duplicate keys, no NUL (which ends a text in C libraries and databases), no
/// long sequences of combining marks, within ``Limits``.
public enum TOML {
    /// Limits of a document.
    public struct Limits: Sendable {
        public var bytes = 1 << 20
        /// The nesting of tables and arrays.
        public var depth = 16
        /// Values in all, tables and arrays included: each takes many times the memory of its text.
        public var values = 65_536
        /// Whether texts and keys may hold `\u0000`.
        public var allowsNUL = false

        public init() {}
    }

    /// Parses a whole document.
    ///
    /// - Throws: ``TOMLFault``, which does not repeat the document.
    public static func read(_ text: [UInt8], limits: Limits = Limits()) throws(TOMLFault) -> TOMLTable {
        try TOMLReader.read(text, limits)
    }
}

/// A malformed document.
public struct TOMLFault: Error, Hashable, Sendable, CustomStringConvertible {
    public let position: TextPosition
    /// The fault, as a predicate of the position: `holds a NUL`.
    public let reason: String

    public var description: String { "\(position), \(reason)" }
}

public enum TOMLValue: Sendable, Hashable {
    case text(String)
    case integer(Int)
    case number(Double)
    case bool(Bool)
    case time(TOMLTime)
    case array([TOMLElement])
    case table(TOMLTable)
}

/// An array's element, with its position.
public struct TOMLElement: Sendable, Hashable {
    public let value: TOMLValue
    public let position: TextPosition
}

/// A date, a time of day, or both, with or without a zone.
public struct TOMLTime: Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
        /// A date and a time of day with an offset from UTC.
        case offset
        /// A date and a time of day without an offset.
        case local
        case date
        case timeOfDay
    }

    public let kind: Kind
    /// RFC 3339, with `T` and `Z` in capitals; only the parts that the kind has.
    public let text: String
}

/// A key with its value.
public struct TOMLEntry: Sendable, Hashable {
    public let key: ExactText
    /// The key's position, or that of the header that first names the table.
    public let keyPosition: TextPosition
    public let value: TOMLValue
    public let position: TextPosition

    public var table: TOMLTable? {
        guard case .table(let table) = value else { return nil }
        return table
    }
}

/// A table: the document, one with a header, an inline table, or one that dotted keys or longer headers imply.
public struct TOMLTable: Sendable, Hashable {
    public enum Form: Sendable, Hashable { case document, header, braces, dottedKey, longerHeader }

    public let form: Form
    /// In the order of their first mention.
    public let entries: [TOMLEntry]
    private let places: [ExactText: Int]

    init(_ form: Form, _ entries: [TOMLEntry], _ places: [ExactText: Int]) {
        (self.form, self.entries, self.places) = (form, entries, places)
    }

    public subscript(key: String) -> TOMLEntry? { places[ExactText(key)].map { entries[$0] } }

    public static func == (a: TOMLTable, b: TOMLTable) -> Bool { a.form == b.form && a.entries == b.entries }
    public func hash(into hasher: inout Hasher) { hasher.combine(entries.count) }
}
