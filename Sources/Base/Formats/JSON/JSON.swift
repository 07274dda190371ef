public import Bytes

/// A value of an untrusted JSON text.
///
/// ```swift
/// let body = try JSON(bytes)
/// let version = try body.member("version").text()
/// let report = try body.member("evidence").member("report").bytes()
/// ```
/// The text is parsed once and strictly (RFC 8259, and I-JSON, RFC 7493): UTF-8 without a byte order mark, no duplicate
/// members, no lone surrogates, finite numbers, no trailing text, within ``Limits``. Types are checked on access: the
/// error is a ``MalformedInput`` with the member's path, the found and the expected type. Errors do not repeat the text.
public struct JSON: Sendable {
    let document: JSONDocument
    let index: Int
    /// The index in an array of small numbers, for one of its elements.
    let element: Int?

    init(_ document: JSONDocument, _ index: Int, element: Int? = nil) {
        (self.document, self.index, self.element) = (document, index, element)
    }

    /// Limits of a text.
    public struct Limits: Sendable {
        public var bytes = 1 << 24
        /// The nesting of arrays and objects.
        public var depth = 32
        /// Values and names, each of which takes memory. An array of small numbers counts as one.
        public var values = 65_536
        /// A member's name, in bytes.
        public var name = 256
        /// A number, in characters.
        public var number = 128

        public init() {}
    }

    /// Parses a whole text.
    ///
    /// - Throws: ``MalformedInput`` with the position of the fault, without the text.
    public init(_ text: [UInt8], limits: Limits = Limits()) throws(MalformedInput) {
        self.init(try JSONReader.read(text, limits), 0)
    }

    /// Parses a whole text with a secret. The original is wiped at once, the copy with its last value.
    ///
    /// - Throws: ``MalformedInput`` with the position of the fault, without the text.
    public init(wiping text: inout [UInt8], limits: Limits = Limits()) throws(MalformedInput) {
        var own = text.separate
        text.wipe()
        let document: JSONDocument
        do { document = try JSONReader.read(own, limits, isSecret: true) } catch {
            own.wipe()
            throw error
        }
        self.init(document, 0)
    }

    public enum Kind: Sendable { case null, bool, number, text, array, object }

    public var kind: Kind {
        guard element == nil else { return .number }
        return switch node.kind {
        case .null: .null
        case .isFalse, .isTrue: .bool
        case .number: .number
        case .text, .name: .text
        case .array, .smallNumbers: .array
        case .object: .object
        }
    }

    var node: JSONDocument.Node { document.nodes[index] }

    /// The value's own text, for signatures and digests over it.
    public var raw: [UInt8] { element.map { Array("\(smallNumber($0))".utf8) } ?? Array(document.source[node.range]) }

    func smallNumber(_ element: Int) -> UInt8 { document.pool[Int(node.contentStart) + element] }

    /// The names and indices that lead here, joined by dots.
    public var path: String { document.path(index, element: element) }

    /// Untrusted text in printable form, for an error.
    static func printable(_ text: some Sequence<UInt8>) -> String {
        let shown = text.prefix(64).map { (0x20..<0x7F).contains($0) ? $0 : UInt8(ascii: "?") }
        return String(decoding: shown, as: UTF8.self)
    }
}

// Members and elements.
extension JSON {
    /// A member's value; nil without one, or for another type than an object.
    public subscript(name: String) -> JSON? {
        guard kind == .object else { return nil }
        return document.member(name, of: index).map { JSON(document, $0) }
    }

    /// A required member.
    public func member(_ name: String) throws(MalformedInput) -> JSON {
        try expect(.object, "an object")
        guard let member = self[name] else {
            let path = index == 0 && document.outer == nil ? name : "\(self.path).\(name)"
            throw MalformedInput(path, "is missing")
        }
        return member
    }

    /// An optional member; nil also for `null`.
    public func optional(_ name: String) throws(MalformedInput) -> JSON? {
        try expect(.object, "an object")
        guard let member = self[name], member.kind != .null else { return nil }
        return member
    }

    /// All members, in their order.
    public func members() throws(MalformedInput) -> [(name: ExactText, value: JSON)] {
        try expect(.object, "an object")
        return document.children(of: index).map { value in
            let name = String(decoding: document.content(document.nodes[value - 1]), as: UTF8.self)
            return (ExactText(name), JSON(document, value))
        }
    }

    public func array() throws(MalformedInput) -> [JSON] {
        try expect(.array, "an array")
        guard node.kind == .array else { return (0..<node.content.count).map { JSON(document, index, element: $0) } }
        return document.children(of: index).map { JSON(document, $0) }
    }

    func expect(_ kind: Kind, _ wanted: String) throws(MalformedInput) {
        guard self.kind == kind else {
            throw MalformedInput(path, "has a value of the wrong type: \(found) where \(wanted) may stand")
        }
    }

    /// The error of an invalid value of the right type.
    ///
    /// - Parameters:
    ///   - wanted: the valid values, with an article: "a time as RFC 3339 has it".
    ///   - quoting: whether the error quotes a text. Never for a possible secret.
    public func unfit(_ wanted: String, quoting: Bool = false) -> MalformedInput {
        var found = found
        switch kind {
        case .number: found = JSON.printable(raw.prefix(24))
        case .text where quoting: found = "\"\(JSON.printable(document.content(node)))\""
        default: break
        }
        return MalformedInput(path, "has a value that cannot be used: \(found) where \(wanted) may stand")
    }

    private var found: String {
        switch kind {
        case .null: "null"
        case .bool: "true or false"
        case .number: "a number"
        case .text: "a text"
        case .array: "an array"
        case .object: "an object"
        }
    }
}
