import Glibc

/// Bytes that must not be seen. They cannot be printed, compared by accident or encoded, and their memory is wiped when
/// the last copy goes.
public struct Secret: Sendable {
    private let storage: Storage

    public init(_ bytes: some Collection<UInt8>) { storage = Storage(bytes) }

    /// Takes the bytes over and wipes them where they were.
    public init(wiping bytes: inout [UInt8]) {
        storage = Storage(bytes)
        bytes.wipe()
    }

    /// Makes `count` bytes and has `body` fill them.
    public init<Failure: Error>(
        count: Int, _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        let storage = Storage(count: count)
        try body(storage.bytes)
        self.storage = storage
    }

    /// In bytes.
    public var count: Int { storage.bytes.count }

    /// The bytes, for as long as `body` runs.
    public func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        defer { withExtendedLifetime(storage) {} }
        return try body(UnsafeRawBufferPointer(storage.bytes))
    }

    // Written once, by the initialiser that made it.
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

/// A value of which nothing but its description is printed, whatever prints it.
public protocol Unprintable: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {}

extension Unprintable {
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}

extension [UInt8] {
    /// Overwrites the bytes, in a way that no optimiser leaves out, and forgets them.
    public mutating func wipe() {
        withUnsafeMutableBytes { if let start = $0.baseAddress { explicit_bzero(start, $0.count) } }
        self = []
    }

    /// Overwrites the bytes where they are. For whoever holds them alone and cannot change what holds them, as a class that
    /// goes: any other holder would see zeros.
    public func wipeInPlace() {
        withUnsafeBytes { bytes in
            if let start = bytes.baseAddress { explicit_bzero(UnsafeMutableRawPointer(mutating: start), bytes.count) }
        }
    }

    /// A copy that shares no memory with this.
    public var separate: [UInt8] { withUnsafeBufferPointer { Array($0) } }
}
