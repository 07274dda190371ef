import Glibc

public enum StandardStream: Int32, Sendable {
    case input = 0
    case output = 1
    case errors = 2

    static let names = ["standard input", "standard output", "standard error"]

    /// For errors.
    public var name: String { Self.names[Int(rawValue)] }

    /// Reads to the end.
    ///
    /// - Throws: ``FileError`` with `EFBIG` when that is more than `limit` bytes.
    public func read(atMost limit: Int) throws(FileError) -> [UInt8] {
        try DescriptorIO.read(rawValue, name, atMost: limit)
    }

    /// Writes without the buffer of `print`: call ``flush()`` before.
    public func write(_ bytes: [UInt8]) throws(FileError) { try DescriptorIO.write(bytes, rawValue, name) }

    /// Writes a secret without copying it.
    public func write(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
        try DescriptorIO.write(bytes, rawValue, name)
    }

    /// Flushes the buffer of `print`.
    public func flush() throws(FileError) {
        guard fflush(nil) == 0 else {
            let code = errno
            throw FileError(path: name, code: code, description: "\(name): \(String(cString: strerror(code)))")
        }
    }
}
