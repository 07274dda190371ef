import Dispatch

/// Blocking calls: on a socket, a pipe, a child process.
enum OwnThread {
    /// Runs a blocking call on a thread of its own, so that it holds up none of the tasks' shared threads.
    static func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue(label: "kbs.guest").async { continuation.resume(with: Swift.Result(catching: body)) }
        }
    }
}
