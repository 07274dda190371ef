import Broker
import Hummingbird
import NIOCore
import Synchronization

/// Bounds what all bodies together take in memory while they arrive and are answered.
///
/// A body is collected before anything else can be known of it, so without this bound as many could be collected at a
/// time as there are connections.
final class BodyBudget: Sendable {
    let capacity: Int
    private let used = Atomic(0)

    /// - Parameter capacity: in bytes.
    init(capacity: Int) { self.capacity = capacity }

    /// In bytes.
    var taken: Int { used.load(ordering: .relaxed) }

    /// What one request has taken. Given back when it is let go of.
    final class Share: Sendable {
        private let budget: BodyBudget
        private let size = Atomic(0)

        init(_ budget: BodyBudget) { self.budget = budget }

        /// - Returns: `false` when there is not so much left. Then nothing is taken.
        func take(_ bytes: Int) -> Bool {
            let (_, after) = budget.used.wrappingAdd(bytes, ordering: .relaxed)
            guard after <= budget.capacity else {
                budget.used.wrappingSubtract(bytes, ordering: .relaxed)
                return false
            }
            size.wrappingAdd(bytes, ordering: .relaxed)
            return true
        }

        deinit { budget.used.wrappingSubtract(size.load(ordering: .relaxed), ordering: .relaxed) }
    }
}

/// Answers 503 when the bodies of all requests would take more memory than they may.
struct BodyBudgetMiddleware<Context: RequestContext>: RouterMiddleware {
    /// A body that says it is so short is counted before it arrives, in one step. So many bytes from each of as many
    /// connections as there may be are less than the budget, by default: nobody uses it up by promises.
    private static var short: Int { 16 * 1_024 }

    let budget: BodyBudget
    let counters: LimitCounters

    @concurrent func handle(
        _ request: Request, context: Context, next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        let length = request.headers[.contentLength].flatMap { Int($0) }
        guard length != 0, length != nil || request.headers[.transferEncoding] != nil else {
            return try await next(request, context)
        }
        let share = BodyBudget.Share(budget)
        defer { withExtendedLifetime(share) {} }
        if let length, length <= Self.short {
            try take(length, share)
            return try await next(request, context)
        }
        var request = request
        request.body = RequestBody(
            asyncSequence: request.body.map { [self] part in
                try take(part.readableBytes, share)
                return part
            })
        return try await next(request, context)
    }

    private func take(_ bytes: Int, _ share: BodyBudget.Share) throws {
        guard share.take(bytes) else {
            counters.count(.bodies)
            throw Refusal(.overloaded, "The server has more requests in memory than it can: try again.", retryAfter: 2)
        }
    }
}
