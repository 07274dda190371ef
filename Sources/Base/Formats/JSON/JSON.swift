public import Bytes

/// A value of a JSON text that came from outside.
///
/// ```swift
/// let body = try JSON(bytes)
/// let version = try body.member("version").text()
/// let report = try body.member("evidence").member("report").bytes()
/// ```
/// The text is read once and strictly (RFC 8259; RFC 7493, I-JSON, for what is refused): UTF-8 without a byte order
/// mark, no member twice, no half of a surrogate pair, no number that is not finite, nothing behind the end, and all of it
/// within ``Limits``. What a value is, is asked of it afterwards; what does not fit is a ``MalformedInput`` whose subject
/// is the member's path and whose reason says what stood there and what may. Errors repeat no text of the sender's.
public struct JSON: Sendable {
    let document: JSONDocument
    let index: Int
    /// Which of an array's small numbers this is.
    let element: Int?

    init(_ document: JSONDocument, _ index: Int, element: Int? = nil) {
        (self.document, self.index, self.element) = (document, index, element)
    }

    /// How much one text may ask of its reader.
    public struct Limits: Sendable {
        /// Of the whole.
        public var bytes = 1 << 24
        /// How deep arrays and objects may lie in one another.
        public var depth = 32
        /// How many values and names there may be, where an array of small numbers is one: each takes memory of its own.
        public var values = 65_536
        /// Of a member's name, in bytes.
        public var name = 256
        /// Of a number, in characters.
        public var number = 128

        public init() {}
    }

    /// Reads a whole text.
    ///
    /// - Throws: ``MalformedInput`` that says where it is not JSON, and repeats nothing of it.
    public init(_ text: [UInt8], limits: Limits = Limits()) throws(MalformedInput) {
        self.init(try JSONReader.read(text, limits), 0)
    }

    /// Takes over a whole text that holds a secret: it is wiped where it was, and here when the last value of it goes.
    ///
    /// - Throws: ``MalformedInput`` that says where it is not JSON, and repeats nothing of it.
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

    /// The value as it stands in the text, for what is signed or hashed as it was sent.
    public var raw: [UInt8] { element.map { Array("\(smallNumber($0))".utf8) } ?? Array(document.source[node.range]) }

    func smallNumber(_ element: Int) -> UInt8 { document.pool[Int(node.contentStart) + element] }

    /// Names and numbers that lead here, with dots between them.
    public var path: String { document.path(index, element: element) }

    /// Text that a stranger wrote, as far as a sentence may show it.
    static func printable(_ text: some Sequence<UInt8>) -> String {
        let shown = text.prefix(64).map { (0x20..<0x7F).contains($0) ? $0 : UInt8(ascii: "?") }
        return String(decoding: shown, as: UTF8.self)
    }
}

// Members and elements.
extension JSON {
    /// A member's value; nil when there is none, or this is no object.
    public subscript(name: String) -> JSON? {
        guard kind == .object else { return nil }
        return document.member(name, of: index).map { JSON(document, $0) }
    }

    /// A member that must be there.
    public func member(_ name: String) throws(MalformedInput) -> JSON {
        try expect(.object, "an object")
        guard let member = self[name] else {
            let path = index == 0 && document.outer == nil ? name : "\(self.path).\(name)"
            throw MalformedInput(path, "is missing")
        }
        return member
    }

    /// A member that may be left out; `null` leaves it out too.
    public func optional(_ name: String) throws(MalformedInput) -> JSON? {
        try expect(.object, "an object")
        guard let member = self[name], member.kind != .null else { return nil }
        return member
    }

    /// Every member, in the order in which they stand.
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

    /// The error of a value that has the right type and is not what may stand there.
    ///
    /// - Parameters:
    ///   - wanted: what may stand there, with its article: "a time as RFC 3339 has it".
    ///   - quoting: whether the error repeats a text that stands there. Never for what may be a secret.
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
