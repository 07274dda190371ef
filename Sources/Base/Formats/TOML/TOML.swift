public import Bytes

/// A TOML 1.0 document that was read, with the line and column of each key and value.
///
/// ```swift
/// let settings = try TOML.read(bytes)
/// if case .text(let level)? = settings["log"]?.table?["level"]?.value { … }
/// ```
/// Source: TOML 1.0.0. Read strictly: UTF-8, no key twice, nothing nested deeper than ``Limits/depth``, no NUL (which C
/// libraries and databases take for a text's end), no row of combining marks.
public enum TOML {
    /// How much one document may ask of its reader.
    public struct Limits: Sendable {
        /// Of the whole.
        public var bytes = 1 << 20
        /// How deep tables and arrays may lie in one another.
        public var depth = 16
        /// Whether texts and keys may hold `\u0000`.
        public var allowsNUL = false

        public init() {}
    }

    /// Reads a whole document.
    ///
    /// - Throws: ``TOMLFault``, which repeats nothing of it.
    public static func read(_ text: [UInt8], limits: Limits = Limits()) throws(TOMLFault) -> TOMLTable {
        try TOMLReader.read(text, limits)
    }
}

/// Why a document is not TOML that can be used.
public struct TOMLFault: Error, Hashable, Sendable, CustomStringConvertible {
    public let position: TextPosition
    /// What is wrong there, as a sentence whose subject is the place: `holds a NUL`.
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

/// A value of an array, with its place.
public struct TOMLElement: Sendable, Hashable {
    public let value: TOMLValue
    public let position: TextPosition
}

/// A date, a time of day, or both, with or without a zone.
public struct TOMLTime: Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
        /// A moment: a date, a time of day and an offset from UTC.
        case offset
        /// A date and a time of day in no zone.
        case local
        case date
        case timeOfDay
    }

    public let kind: Kind
    /// As RFC 3339 writes it, `T` and `Z` in capitals; what a local one does not have is left out.
    public let text: String
}

/// A key with its value.
public struct TOMLEntry: Sendable, Hashable {
    public let key: ExactText
    /// Of the key, or of the header that first names the table.
    public let keyPosition: TextPosition
    public let value: TOMLValue
    public let position: TextPosition

    public var table: TOMLTable? {
        guard case .table(let table) = value else { return nil }
        return table
    }
}

/// A table: the whole document, one with a header, one in braces, or one that dotted keys or longer headers name on their way.
public struct TOMLTable: Sendable, Hashable {
    public enum Form: Sendable, Hashable { case document, header, braces, dottedKey, longerHeader }

    public let form: Form
    /// In the order in which they were first named.
    public let entries: [TOMLEntry]
    private let places: [ExactText: Int]

    init(_ form: Form, _ entries: [TOMLEntry], _ places: [ExactText: Int]) {
        (self.form, self.entries, self.places) = (form, entries, places)
    }

    /// The entry of a key.
    public subscript(key: String) -> TOMLEntry? { places[ExactText(key)].map { entries[$0] } }

    public static func == (a: TOMLTable, b: TOMLTable) -> Bool { a.form == b.form && a.entries == b.entries }
    public func hash(into hasher: inout Hasher) { hasher.combine(entries.count) }
}
