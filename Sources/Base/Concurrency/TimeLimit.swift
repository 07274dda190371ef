/// Nothing came within the time.
package struct NoAnswerInTime: Error, CustomStringConvertible {
    package let description = "no answer in time"
}

/// Gives up what takes longer than it may. An HTTP client's own limit, for one, ends with the headers of a reply.
///
/// - Throws: ``NoAnswerInTime``, or what `body` throws. `body` is cancelled then, and must end when it is.
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
