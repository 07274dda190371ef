import Bytes

/// A hash function's result. Comparison takes constant time.
public protocol Digest: RandomAccessCollection, Hashable, Sendable, CustomStringConvertible
where Element == UInt8, Index == Int {
    static var byteCount: Int { get }
}

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

    public var description: String { Hex.encode(bytes) }
}
