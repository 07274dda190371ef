import Glibc

/// Secret bytes. They are neither printable, comparable nor encodable, and their memory is wiped with the last copy.
public struct Secret: Sendable {
    private let storage: Storage

    public init(_ bytes: some Collection<UInt8>) { storage = Storage(bytes) }

    /// Copies the bytes and wipes the original.
    public init(wiping bytes: inout [UInt8]) {
        storage = Storage(bytes)
        bytes.wipe()
    }

    /// Has `body` fill `count` bytes.
    public init<Failure: Error>(
        count: Int, _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        let storage = Storage(count: count)
        try body(storage.bytes)
        self.storage = storage
    }

    /// In bytes.
    public var count: Int { storage.bytes.count }

    /// Calls `body` with the bytes, which are valid during the call.
    public func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        defer { withExtendedLifetime(storage) {} }
        return try body(UnsafeRawBufferPointer(storage.bytes))
    }

    // Written by the initialiser only.
    private final class Storage: @unchecked Sendable {
        let bytes: UnsafeMutableRawBufferPointer

        init(count: Int) {
            bytes = .allocate(byteCount: count, alignment: 16)
            _ = bytes.initializeMemory(as: UInt8.self, repeating: 0)
        }

        convenience init(_ source: some Collection<UInt8>) {
            self.init(count: source.count)
            bytes.copyBytes(from: source)
        }

        deinit {
            if let start = bytes.baseAddress { explicit_bzero(start, bytes.count) }
            bytes.deallocate()
        }
    }
}

extension Secret: Unprintable {
    public var description: String { "Secret(\(count) bytes)" }
}

/// A value that prints as its description only, also in a debugger or a mirror.
public protocol Unprintable: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {}

extension Unprintable {
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}

extension [UInt8] {
    /// Overwrites the bytes, which the optimiser does not remove, and empties the array.
    public mutating func wipe() {
        withUnsafeMutableBytes { if let start = $0.baseAddress { explicit_bzero(start, $0.count) } }
        self = []
    }

    /// Overwrites the bytes in place, for an only owner that cannot mutate the array, such as a `deinit`. Other copies of
    /// the array would see zeros.
    public func wipeInPlace() {
        withUnsafeBytes { bytes in
            if let start = bytes.baseAddress { explicit_bzero(UnsafeMutableRawPointer(mutating: start), bytes.count) }
        }
    }

    /// A copy in memory of its own.
    public var separate: [UInt8] { withUnsafeBufferPointer { Array($0) } }
}
