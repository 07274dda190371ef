import Concurrency
public import Files
import Glibc

/// Standard output of a command. Nothing is buffered, and what could not be written is not forgotten.
///
/// Swift's own `print` says nothing when the disk is full or the reader is gone.
public enum Output {
    private static let failed = Lock<FileError?>(nil)

    /// Writes a line. After a failure nothing more is written, and ``ParsableCommand/main(_:)`` ends the program with it.
    public static func print(_ text: String = "", terminator: String = "\n") {
        try? write(Array((text + terminator).utf8))
    }

    /// For a command that must know, or that has much to write.
    ///
    /// - Throws: ``FileError``, also for what was written before.
    public static func write(_ bytes: [UInt8]) throws(FileError) {
        if let failure { throw failure }
        do { try StandardStream.output.write(bytes) } catch {
            failed.withLock { $0 = error }
            throw error
        }
    }

    /// Why standard output cannot be written to, since the first failure.
    public static var failure: FileError? { failed.withLock { $0 } }

    /// The same once what a library has printed in Swift's way is out too.
    static func flushed() -> FileError? {
        if let failure { return failure }
        do { try StandardStream.output.flush() } catch { failed.withLock { $0 = error } }
        return failure
    }
}
