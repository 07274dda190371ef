import Glibc

/// Threads for blocking work, which must not block the threads that tasks share.
package enum BlockingThread {
    /// The process may have no more threads.
    package struct NotStarted: Error, CustomStringConvertible {
        package let description: String
    }

    /// Starts a thread that ends with `body`.
    ///
    /// - Parameter name: the system shows its first 15 bytes.
    package static func start(_ name: String, _ body: @escaping @Sendable () -> Void) throws(NotStarted) {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        var thread = pthread_t()
        let work = Unmanaged.passRetained(Work(name, body))
        let code = pthread_create(
            &thread, &attributes,
            { pointer in
                guard let pointer else { return nil }
                Unmanaged<Work>.fromOpaque(pointer).takeRetainedValue().run()
                return nil
            }, work.toOpaque())
        guard code == 0 else {
            work.release()
            throw NotStarted(description: "no thread could be started: \(String(cString: strerror(code)))")
        }
    }

    /// Runs `body` on a thread of its own.
    package static func run<Result: Sendable>(
        _ name: String, _ body: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            do throws(NotStarted) {
                try start(name) { continuation.resume(with: Swift.Result(catching: body)) }
            } catch { continuation.resume(throwing: error) }
        }
    }

    /// Blocks the calling thread, which must not be one that tasks share.
    package static func sleep(for time: Duration) {
        let (seconds, attoseconds) = time.components
        guard time > .zero else { return }
        var wanted = timespec(tv_sec: Int(clamping: seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
        var left = timespec()
        while nanosleep(&wanted, &left) != 0, errno == EINTR { wanted = left }
    }

    private final class Work: Sendable {
        private let name: String
        private let body: @Sendable () -> Void

        init(_ name: String, _ body: @escaping @Sendable () -> Void) { (self.name, self.body) = (name, body) }

        func run() {
            showName()
            body()
        }

        /// For `top` and other tools; best effort.
        private func showName() {
            let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
            guard file >= 0 else { return }
            defer { close(file) }
            let bytes = Array(name.utf8.prefix(15))
            _ = write(file, bytes, bytes.count)
        }
    }
}
