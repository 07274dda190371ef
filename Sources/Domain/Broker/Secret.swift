import Crypto
public import Foundation

/// Bytes that must not be seen. It cannot be printed, compared by accident or encoded, and its
/// memory is wiped when the last copy goes.
public struct Secret: Sendable {
    // SymmetricKey's storage overwrites itself when it is freed, which is all that is wanted of it.
    private let storage: SymmetricKey

    public init(_ bytes: some ContiguousBytes) { storage = SymmetricKey(data: bytes) }

    /// In bytes.
    public var count: Int { storage.bitCount / 8 }

    /// The bytes, for as long as `body` runs.
    public func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try storage.withUnsafeBytes(body)
    }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "Secret(\(count) bytes)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}
