import Concurrency
import Foundation

/// A thread that takes up whoever connects to a socket, which it closes at its end and nobody does before: a number that
/// was closed is soon another socket's, perhaps that of a server in this process.
public final class AcceptLoop: Sendable {
    private let listener: Int32
    private let hasEnded = Lock(false)

    /// - Parameter serve: gets each connected socket, on the thread.
    public init(_ listener: Int32, _ serve: @escaping @Sendable (Int32) -> Void) {
        self.listener = listener
        Thread.detachNewThread { [hasEnded] in
            while true {
                let connection = accept(listener, nil, nil)
                if connection < 0, [EINTR, ECONNABORTED, EMFILE].contains(errno) { continue }
                let isOver = hasEnded.withLock { ended in
                    guard ended || connection < 0 else { return false }
                    close(listener)
                    ended = true
                    return true
                }
                if isOver {
                    if connection >= 0 { close(connection) }
                    return
                }
                serve(connection)
            }
        }
    }

    deinit {
        hasEnded.withLock { ended in
            // The thread's call of accept ends by this.
            if !ended { shutdown(listener, Int32(SHUT_RDWR)) }
            ended = true
        }
    }
}
