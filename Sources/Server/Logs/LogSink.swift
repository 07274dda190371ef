import Foundation
import Synchronization

/// Where log lines go.
///
/// A line is one write(2), under a lock, so that no two are mixed. A reader that does not read would
/// hold the writer, as with any log to a pipe: journald and Docker do read.
final class LogSink: Sendable {
    static let standardError = LogSink(descriptor: STDERR_FILENO)

    private let descriptor: Int32
    private let turn = Mutex(())

    init(descriptor: Int32) { self.descriptor = descriptor }

    /// - Parameter line: without a line feed.
    func write(_ line: String) {
        var rest = ArraySlice("\(line)\n".utf8)
        turn.withLock { _ in
            while !rest.isEmpty {
                let written = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
                if written < 0, errno == EINTR { continue }
                // There is nobody left to tell.
                guard written > 0 else { return }
                rest = rest.dropFirst(written)
            }
        }
    }
}
