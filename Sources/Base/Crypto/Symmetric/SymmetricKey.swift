public import Bytes

/// A key for a MAC or a cipher. It is not printable, its memory is wiped with the last copy, and comparison takes constant
/// time.
public struct SymmetricKey: Sendable {
    public let secret: Secret

    /// A random key.
    public init(size: SymmetricKeySize) { secret = SecureRandom.secret(size.bitCount / 8) }

    public init(data bytes: some Collection<UInt8>) { secret = Secret(bytes) }

    public init(_ secret: Secret) { self.secret = secret }

    public var bitCount: Int { secret.count * 8 }

    /// Calls `body` with the bytes, which are valid during the call.
    public func withUnsafeBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try secret.withBytes(body)
    }
}

extension SymmetricKey: Equatable {
    public static func == (a: SymmetricKey, b: SymmetricKey) -> Bool {
        a.withUnsafeBytes { first in b.withUnsafeBytes { equalInConstantTime(first, $0) } }
    }
}

extension SymmetricKey: Unprintable {
    public var description: String { "SymmetricKey(\(bitCount) bits)" }
}

public struct SymmetricKeySize: Sendable {
    public let bitCount: Int

    /// - Parameter bitCount: a multiple of 8.
    public init(bitCount: Int) { self.bitCount = bitCount }

    public static let bits128 = SymmetricKeySize(bitCount: 128)
    public static let bits192 = SymmetricKeySize(bitCount: 192)
    public static let bits256 = SymmetricKeySize(bitCount: 256)
}
