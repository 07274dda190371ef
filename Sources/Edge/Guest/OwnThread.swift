import Dispatch

/// Calls that wait: on a socket, a pipe, a child.
enum OwnThread {
    /// Runs them on a thread of their own, so that none of the few that tasks share is held up.
    static func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue(label: "kbs.guest").async { continuation.resume(with: Swift.Result(catching: body)) }
        }
    }
}
