import Crypto
import Foundation

/// The secret as the guest received it. It cannot be printed or encoded, and its memory is wiped when
/// the last copy goes.
///
/// It is the guest's counterpart of the broker's `Secret`. The two stay apart because a guest's program
/// must not need the broker's rooms.
public struct ReleasedSecret: Sendable {
    // SymmetricKey's storage overwrites itself when it is freed.
    private let storage: SymmetricKey

    /// Takes the bytes over and wipes them where they were.
    init(wiping bytes: inout Data) {
        storage = SymmetricKey(data: bytes)
        bytes.resetBytes(in: bytes.startIndex..<bytes.endIndex)
    }

    /// In bytes.
    public var count: Int { storage.bitCount / 8 }

    /// The bytes, for as long as `body` runs.
    public func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try storage.withUnsafeBytes(body)
    }
}

extension ReleasedSecret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "ReleasedSecret(\(count) bytes)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}
