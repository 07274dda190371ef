/// Malformed input, with the place and the fault, without the bytes.
public struct MalformedInput: Error, Hashable, Sendable, CustomStringConvertible {
    /// The input's name, e.g. "SNP attestation report".
    public let subject: String
    /// The fault, as the end of a sentence.
    public let reason: String

    public init(_ subject: String, _ reason: String) {
        self.subject = subject
        self.reason = reason
    }

    public var description: String { "\(subject): \(reason)" }
}

/// A reader of fixed-layout, little-endian structures in untrusted bytes.
///
/// Every read is checked against the end, and throws ``MalformedInput``.
public struct ByteCursor: Sendable {
    private let subject: String
    private var rest: ArraySlice<UInt8>

    /// - Parameters:
    ///   - bytes: the structure.
    ///   - subject: its name in errors.
    public init(_ bytes: some Sequence<UInt8>, subject: String) {
        self.subject = subject
        self.rest = ArraySlice(bytes)
    }

    /// The number of unread bytes.
    public var remaining: Int { rest.count }

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

    /// Throws when unread bytes are left.
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
