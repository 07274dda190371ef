import Broker
import FoundationEssentials
import HTTP
import HTTPEdge
import HTTPServer
import Installation
import Logging

/// A server's limits, put together from its settings.
struct ServerLimits: Sendable {
    let counters = LimitCounters()
    private let settings: LimitSettings
    private let room: WaitingRoom
    private let rate: RateLimiter?
    /// Evidence that is longer than other bodies takes half of `limits.bodies` at most.
    private let long: LongBodies
    /// As the system allows it.
    private let mostConnections: Int

    /// Also raises the process's own limit of open files, and stays below it.
    init(_ settings: LimitSettings, logger: Logger) {
        self.settings = settings
        room = WaitingRoom(capacity: settings.waitingAttestations)
        rate =
            settings.requestsPerSecond > 0
            ? RateLimiter(perSecond: settings.requestsPerSecond, burst: settings.burst) : nil
        long = LongBodies(capacity: max(1, settings.bodies / 2 / settings.longestEvidence))
        var most = settings.connections
        if let files = FileDescriptorLimit.raise(), files - FileDescriptorLimit.reserve < most {
            most = max(1, files - FileDescriptorLimit.reserve)
            logger.warning(
                "The system lets this process open fewer sockets than limits.connections: raise LimitNOFILE (ulimit -n).",
                metadata: ["open_files": "\(files)", "connections": "\(most)"])
        }
        mostConnections = most
    }

    /// What the HTTP server itself keeps.
    func configuration(idleTimeout: TimeInterval) -> ServerConfiguration {
        var configuration = ServerConfiguration()
        configuration.loops = ProcessInfo.processInfo.activeProcessorCount
        configuration.connections = mostConnections
        configuration.connectionsPerAddress = settings.connectionsPerAddress
        configuration.bodies = settings.bodies
        configuration.handshakeTimeout = .seconds(settings.headerTimeout)
        configuration.headTimeout = .seconds(settings.headerTimeout)
        configuration.bodyTimeout = .seconds(settings.bodyTimeout)
        configuration.writeTimeout = .seconds(settings.writeTimeout)
        configuration.idleTimeout = .seconds(idleTimeout)
        return configuration
    }
}

/// What a request meets, in this order.
extension ServerLimits {
    private static var pause: Duration { .milliseconds(250) }
    /// Of a long body, in bytes, as much counts for a request.
    private static var piece: Int { 16_384 }

    /// Takes what a request costs its address.
    ///
    /// - Throws: a ``Refusal`` when it makes too many, after a pause: whoever does not wait has fewer of them refused.
    func takeShare(of request: Request, _ match: CallTable.Match) async throws {
        guard let rate, let caller = request.address else { return }
        var count = 1
        if case .call(let call, _) = match {
            guard call.isLimited else { return }
            if case .evidence(_, let awaited, _, _) = call.body, request.isLong(call.body) {
                count += (request.statedLength ?? awaited) / Self.piece
            }
        }
        guard let wait = rate.take(caller, count) else { return }
        counters.count(.rate)
        try await Task.sleep(for: Self.pause)
        throw Refusal(
            .rateLimited,
            "Your address makes too many requests: wait, or have the operator raise limits.requests_per_second.",
            retryAfter: Int(wait.components.seconds) + 1)
    }

    /// How long the body may be, in bytes.
    ///
    /// - Throws: ``HTTPError`` for one that says it is longer, before any of it is read; a ``Refusal`` to long evidence that
    ///   answers no challenge of this server's, so that the guest begins anew.
    func longestBody(of request: Request, _ rule: BodyRule) throws -> Int {
        let longest: Int
        switch rule {
        case .unread: return 0
        case .upTo(let usual): longest = usual
        case .evidence(let usual, let awaited, _, let isAwaited):
            if request.isLong(rule) {
                guard isAwaited(request) else {
                    throw Refusal(
                        .challengeInvalid,
                        "The cookie kbs-session-id is not from this server: start again at /auth and send it back.")
                }
                longest = awaited
            } else {
                longest = usual
            }
        }
        if let length = request.headers[.contentLength], Int(length).map({ $0 > longest }) ?? true {
            throw HTTPError.bodyTooLong(longest)
        }
        return longest
    }

    /// Sheds load: refuses evidence at once that would wait too long to be verified.
    ///
    /// A connection's event loop verifies, so that never more is verified at a time than there are cores. A loop takes in
    /// all requests that have arrived before it goes on with any, so that those in excess are turned away before the others
    /// are verified, and none waits longer than it takes to verify what the room holds.
    func verifying(
        _ request: Request, _ rule: BodyRule, _ body: (Request) async throws -> Response
    ) async throws -> Response {
        let response =
            request.isLong(rule)
            ? try await long.admit(request.address) { try await queue(request, body) }
            : try await queue(request, body)
        guard let response else {
            counters.count(.overload)
            throw Refusal(
                .overloaded, "The server has more evidence to verify than it can: try again.", retryAfter: 2)
        }
        return response
    }

    /// - Returns: `nil` when the room is full.
    private func queue(_ request: Request, _ body: (Request) async throws -> Response) async throws -> Response? {
        var request = request
        // Before it counts: otherwise whoever sends slowly would fill the room.
        _ = try await request.collectBody()
        let whole = request
        return try await room.admit {
            await Task.yield()
            return try await body(whole)
        }
    }
}

extension Request {
    /// Whether it is evidence that is longer than other bodies may be, or does not say how long it is.
    fileprivate func isLong(_ rule: BodyRule) -> Bool {
        guard case .evidence(let usual, _, let mayBeLong, _) = rule, mayBeLong(self) else { return false }
        guard let statedLength else { return headers[.transferEncoding] != nil }
        return statedLength > usual
    }
}
