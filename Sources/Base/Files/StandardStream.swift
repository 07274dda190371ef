import Glibc

/// The three streams that a program is started with.
public enum StandardStream: Int32, Sendable {
    case input = 0
    case output = 1
    case errors = 2

    static let names = ["standard input", "standard output", "standard error"]

    /// As it is called in errors.
    public var name: String { Self.names[Int(rawValue)] }

    /// All there is until the end.
    ///
    /// - Throws: ``FileError`` with `EFBIG` when that is more than `limit` bytes.
    public func read(atMost limit: Int) throws(FileError) -> [UInt8] {
        try DescriptorIO.read(rawValue, name, atMost: limit)
    }

    /// All of the bytes, past what `print` has buffered: call ``flush()`` before.
    public func write(_ bytes: [UInt8]) throws(FileError) { try DescriptorIO.write(bytes, rawValue, name) }

    /// For secrets, which need not be copied for it.
    public func write(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
        try DescriptorIO.write(bytes, rawValue, name)
    }

    /// Writes out what `print` has buffered.
    public func flush() throws(FileError) {
        guard fflush(nil) == 0 else {
            let code = errno
            throw FileError(path: name, code: code, description: "\(name): \(String(cString: strerror(code)))")
        }
    }
}
