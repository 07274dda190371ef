import Concurrency
public import Files
import Glibc

/// A command's standard output, unbuffered. Unlike Swift's `print`, it remembers failures, such as a full disk or a closed
/// pipe.
public enum Output {
    private static let failed = Lock<FileError?>(nil)

    /// Writes a line. After a failure nothing more is written, and ``ParsableCommand/main(_:)`` reports it.
    public static func print(_ text: String = "", terminator: String = "\n") {
        try? write(Array((text + terminator).utf8))
    }

    /// Writes bytes.
    ///
    /// - Throws: ``FileError``, also of an earlier write.
    public static func write(_ bytes: [UInt8]) throws(FileError) {
        if let failure { throw failure }
        do { try StandardStream.output.write(bytes) } catch {
            failed.withLock { $0 = error }
            throw error
        }
    }

    /// The first failure.
    public static var failure: FileError? { failed.withLock { $0 } }

    /// The first failure, after flushing the buffer of `print`.
    static func flushed() -> FileError? {
        if let failure { return failure }
        do { try StandardStream.output.flush() } catch { failed.withLock { $0 = error } }
        return failure
    }
}
