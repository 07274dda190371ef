/// Why outside bytes could not be read. It says where and what, never the bytes themselves.
public struct MalformedInput: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was being read, e.g. "SNP attestation report".
    public let subject: String
    /// What is wrong with it, as the end of a sentence.
    public let reason: String

    public init(_ subject: String, _ reason: String) {
        self.subject = subject
        self.reason = reason
    }

    public var description: String { "\(subject): \(reason)" }
}

/// Reads fixed-layout, little-endian structures from bytes that came from outside.
///
/// Every read is checked against what is left and throws ``MalformedInput``; there is no way to
/// read past the end or to trap.
public struct ByteCursor: Sendable {
    private let subject: String
    private var rest: ArraySlice<UInt8>

    /// - Parameters:
    ///   - bytes: the structure.
    ///   - subject: what it is called in an error.
    public init(_ bytes: some Sequence<UInt8>, subject: String) {
        self.subject = subject
        self.rest = ArraySlice(bytes)
    }

    /// How many bytes are left.
    public var remaining: Int { rest.count }

    /// The next `count` bytes.
    public mutating func take(_ count: Int) throws(MalformedInput) -> [UInt8] {
        guard count >= 0, rest.count >= count else { throw endsEarly(count) }
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }

    public mutating func skip(_ count: Int) throws(MalformedInput) { _ = try take(count) }

    public mutating func u8() throws(MalformedInput) -> UInt8 { UInt8(truncatingIfNeeded: try integer(width: 1)) }
    public mutating func u16() throws(MalformedInput) -> UInt16 { UInt16(truncatingIfNeeded: try integer(width: 2)) }
    public mutating func u32() throws(MalformedInput) -> UInt32 { UInt32(truncatingIfNeeded: try integer(width: 4)) }
    public mutating func u64() throws(MalformedInput) -> UInt64 { try integer(width: 8) }

    /// Throws unless everything was read.
    public func finish() throws(MalformedInput) {
        guard rest.isEmpty else { throw MalformedInput(subject, "\(rest.count) bytes follow its end") }
    }

    private func endsEarly(_ count: Int) -> MalformedInput {
        MalformedInput(subject, "it ends early: \(count) more bytes were expected and \(rest.count) are left")
    }

    private mutating func integer(width: Int) throws(MalformedInput) -> UInt64 {
        guard rest.count >= width else { throw endsEarly(width) }
        var number: UInt64 = 0
        for index in 0..<width { number |= UInt64(rest[rest.startIndex + index]) << (8 * index) }
        rest = rest.dropFirst(width)
        return number
    }
}

extension FixedWidthInteger {
    /// The value's bytes, least significant first.
    @inlinable
    public var littleEndianBytes: [UInt8] { Swift.withUnsafeBytes(of: littleEndian) { Array($0) } }

    /// The value's bytes, most significant first.
    @inlinable
    public var bigEndianBytes: [UInt8] { Swift.withUnsafeBytes(of: bigEndian) { Array($0) } }
}
