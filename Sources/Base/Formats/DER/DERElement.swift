public import Bytes

/// One element of DER, the encoding of ASN.1 that has one form for each value.
///
/// ```swift
/// var fields = try DERElement(bytes, subject: "ECDSA signature").fields()
/// let r = try fields.next("r").magnitude()
/// let s = try fields.next("s").magnitude()
/// try fields.finish()
/// ```
/// Reading throws ``MalformedInput`` for whatever is not as X.690 has it; nothing else happens, whatever the bytes.
public struct DERElement: Sendable {
    public let tag: DERTag
    let source: [UInt8]
    /// Where it lies in `source`, with its tag and length.
    let range: Range<Int>
    let contentsRange: Range<Int>
    let subject: String

    /// Checks the structure of the whole.
    ///
    /// - Parameters:
    ///   - bytes: one element with nothing behind it.
    ///   - subject: what it is called in an error.
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

    /// The element as it stands, with its tag and length: what a signature is over.
    public var encoded: [UInt8] { Array(source[range]) }

    /// What lies behind its tag and length.
    public var contents: [UInt8] { Array(source[contentsRange]) }

    /// The elements in it.
    ///
    /// - Parameter tag: which one this should be.
    public func fields(_ tag: DERTag = .sequence) throws(MalformedInput) -> DERFields {
        try expect(tag)
        return DERFields(of: self)
    }

    /// Throws unless it is of this type.
    public func expect(_ tag: DERTag) throws(MalformedInput) {
        guard self.tag == tag else { throw malformed("is \(self.tag), not \(tag)") }
    }

    func malformed(_ what: String) -> MalformedInput {
        MalformedInput(subject, "the element at byte \(range.lowerBound) \(what)")
    }
}

/// The elements of a SEQUENCE, SET or explicit tag, read in their order.
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

    /// - Parameter name: what is missing when there is none, as the error says it: "the serial number".
    public mutating func next(_ name: String) throws(MalformedInput) -> DERElement {
        guard let element = try peek() else { throw MalformedInput(subject, "\(name) is missing") }
        position = element.range.upperBound
        return element
    }

    /// The next element if it is of this type, for a field that is OPTIONAL.
    public mutating func optional(_ tag: DERTag) throws(MalformedInput) -> DERElement? {
        guard let element = try peek(), element.tag == tag else { return nil }
        position = element.range.upperBound
        return element
    }

    /// What stands under `[number] EXPLICIT`, for a field that is OPTIONAL.
    public mutating func optionalExplicit(_ number: UInt32) throws(MalformedInput) -> DERElement? {
        guard let wrapping = try optional(.constructed(number)) else { return nil }
        var fields = DERFields(of: wrapping)
        let element = try fields.next("what [\(number)] is about")
        try fields.finish()
        return element
    }

    /// `BOOLEAN DEFAULT FALSE`, which DER writes only when it is true.
    public mutating func flag() throws(MalformedInput) -> Bool {
        guard let element = try optional(.boolean) else { return false }
        guard try element.boolean() else { throw element.malformed("says FALSE, which DER leaves out") }
        return true
    }

    /// Throws unless everything was read.
    public func finish() throws(MalformedInput) {
        guard isAtEnd else { throw MalformedInput(subject, "there is more than it should have, from byte \(position)") }
    }

    private func peek() throws(MalformedInput) -> DERElement? {
        guard position < end else { return nil }
        return try DERElement(in: source, at: position, end: end, subject: subject)
    }
}
