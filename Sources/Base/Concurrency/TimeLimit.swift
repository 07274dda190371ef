/// A time limit has passed.
package struct NoAnswerInTime: Error, CustomStringConvertible {
    package let description = "no answer in time"
}

/// Runs `body` with a time limit, after which it is cancelled. It must end then.
///
/// - Throws: ``NoAnswerInTime``, or the error of `body`.
package func withTimeLimit<T: Sendable>(
    _ time: Duration, _ body: @escaping @Sendable () async throws -> T
) async throws -> T {
    try await withThrowingTaskGroup(of: T.self) { group in
        defer { group.cancelAll() }
        group.addTask { try await body() }
        group.addTask {
            try await Task.sleep(for: time)
            throw NoAnswerInTime()
        }
        guard let first = try await group.next() else { throw CancellationError() }
        return first
    }
}
