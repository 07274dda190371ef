public import Bytes

/// An element of DER, ASN.1's encoding with one form for each value.
///
/// ```swift
/// var fields = try DERElement(bytes, subject: "ECDSA signature").fields()
/// let r = try fields.next("r").magnitude()
/// let s = try fields.next("s").magnitude()
/// try fields.finish()
/// ```
/// Reading throws ``MalformedInput`` for any violation of X.690, and never traps.
public struct DERElement: Sendable {
    public let tag: DERTag
    let source: [UInt8]
    /// Its range in `source`, with tag and length.
    let range: Range<Int>
    let contentsRange: Range<Int>
    let subject: String

    /// Checks the whole structure.
    ///
    /// - Parameters:
    ///   - bytes: exactly one element.
    ///   - subject: its name in errors.
    public init(_ bytes: [UInt8], subject: String) throws(MalformedInput) {
        try DERHeader.checkAll(bytes.span, subject: subject)
        try self.init(in: bytes, at: 0, end: bytes.count, subject: subject)
    }

    init(in source: [UInt8], at position: Int, end: Int, subject: String) throws(MalformedInput) {
        let header = try DERHeader(source.span, at: position, end: end, subject: subject)
        tag = header.tag
        self.source = source
        range = position..<header.contents.upperBound
        contentsRange = header.contents
        self.subject = subject
    }

    /// The element's own encoding, with tag and length.
    public var encoded: [UInt8] { Array(source[range]) }

    /// The contents, without tag and length.
    public var contents: [UInt8] { Array(source[contentsRange]) }

    /// The contained elements.
    ///
    /// - Parameter tag: the expected tag of this element.
    public func fields(_ tag: DERTag = .sequence) throws(MalformedInput) -> DERFields {
        try expect(tag)
        return DERFields(of: self)
    }

    /// Throws unless it has this tag.
    public func expect(_ tag: DERTag) throws(MalformedInput) {
        guard self.tag == tag else { throw malformed("is \(self.tag), not \(tag)") }
    }

    func malformed(_ fault: String) -> MalformedInput {
        MalformedInput(subject, "the element at byte \(range.lowerBound) \(fault)")
    }
}

/// The elements of a SEQUENCE, SET or explicit tag, read in order.
public struct DERFields: Sendable {
    private let source: [UInt8]
    private var position: Int
    private let end: Int
    private let subject: String

    init(of element: DERElement) {
        source = element.source
        position = element.contentsRange.lowerBound
        end = element.contentsRange.upperBound
        subject = element.subject
    }

    public var isAtEnd: Bool { position == end }

    /// - Parameter name: the field's name in errors: "the serial number".
    public mutating func next(_ name: String) throws(MalformedInput) -> DERElement {
        guard let element = try peek() else { throw MalformedInput(subject, "\(name) is missing") }
        position = element.range.upperBound
        return element
    }

    /// An OPTIONAL field: the next element if it has this tag.
    public mutating func optional(_ tag: DERTag) throws(MalformedInput) -> DERElement? {
        guard let element = try peek(), element.tag == tag else { return nil }
        position = element.range.upperBound
        return element
    }

    /// An OPTIONAL field under `[number] EXPLICIT`.
    public mutating func optionalExplicit(_ number: UInt32) throws(MalformedInput) -> DERElement? {
        guard let wrapping = try optional(.constructed(number)) else { return nil }
        var fields = DERFields(of: wrapping)
        let element = try fields.next("the element in [\(number)]")
        try fields.finish()
        return element
    }

    /// `BOOLEAN DEFAULT FALSE`: present only if true.
    public mutating func flag() throws(MalformedInput) -> Bool {
        guard let element = try optional(.boolean) else { return false }
        guard try element.boolean() else { throw element.malformed("is FALSE, which DER omits") }
        return true
    }

    /// Throws when unread elements are left.
    public func finish() throws(MalformedInput) {
        guard isAtEnd else { throw MalformedInput(subject, "it has surplus elements from byte \(position)") }
    }

    private func peek() throws(MalformedInput) -> DERElement? {
        guard position < end else { return nil }
        return try DERElement(in: source, at: position, end: end, subject: subject)
    }
}
