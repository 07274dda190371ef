/// What a hash function gives. Two are compared in constant time.
public protocol Digest: RandomAccessCollection, Hashable, Sendable, CustomStringConvertible
where Element == UInt8, Index == Int {
    /// Of the digest, in bytes.
    static var byteCount: Int { get }
}

/// The digest of one hash function.
public struct DigestOf<Function: HashFunction>: Digest {
    @usableFromInline let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    public static var byteCount: Int { Function.byteCount }
    @inlinable public var startIndex: Int { 0 }
    @inlinable public var endIndex: Int { bytes.count }
    @inlinable public subscript(position: Int) -> UInt8 { bytes[position] }

    @inlinable
    public func withContiguousStorageIfAvailable<Result>(
        _ body: (UnsafeBufferPointer<UInt8>) throws -> Result
    ) rethrows -> Result? {
        try bytes.withContiguousStorageIfAvailable(body)
    }

    public static func == (a: DigestOf, b: DigestOf) -> Bool { equalInConstantTime(a.bytes, b.bytes) }

    public func hash(into hasher: inout Hasher) { hasher.combine(bytes) }

    public var description: String { bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
}
