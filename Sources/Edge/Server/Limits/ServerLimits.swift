import Broker
import FoundationEssentials
import HTTP
import HTTPEdge
import HTTPServer
import Installation
import Logging

/// A server's limits, from its settings.
struct ServerLimits: Sendable {
    let counters = LimitCounters()
    private let settings: LimitSettings
    private let room: AttestationSlots
    private let rate: RateLimiter?
    /// Bounds evidence over `limits.body` to half of `limits.bodies`.
    private let long: LongBodies
    /// The settings' limit of connections, lowered to what the system allows.
    private let mostConnections: Int

    /// Also raises the process's limit of open files; the limit of connections stays below it.
    init(_ settings: LimitSettings, logger: Logger) {
        self.settings = settings
        room = AttestationSlots(capacity: settings.waitingAttestations)
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

    /// The limits that the HTTP server itself enforces.
    func configuration(idleTimeout: TimeInterval) -> ServerConfiguration {
        var configuration = ServerConfiguration()
        configuration.loops = ProcessInfo.processInfo.activeProcessorCount
        configuration.connections = mostConnections
        configuration.connectionsPerAddress = settings.connectionsPerAddress
        configuration.bodies = settings.bodies
        configuration.tlsHandshakeTimeout = .seconds(settings.headerTimeout)
        configuration.headTimeout = .seconds(settings.headerTimeout)
        configuration.bodyTimeout = .seconds(settings.bodyTimeout)
        configuration.writeTimeout = .seconds(settings.writeTimeout)
        configuration.idleTimeout = .seconds(idleTimeout)
        return configuration
    }
}

/// The limits on a request, in the order of their application.
extension ServerLimits {
    private static var pause: Duration { .milliseconds(250) }
    /// Bytes of a long body that count as one request.
    private static var piece: Int { 16_384 }

    /// Charges a request to its address.
    ///
    /// - Throws: a ``Refusal`` if the address makes too many requests, after a pause, which slows clients that do not
    ///   wait.
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
            retryAfter: wait.retryAfter)
    }

    /// The longest body accepted, in bytes.
    ///
    /// - Throws: ``HTTPError`` if the stated length exceeds it, before the body is read; a ``Refusal`` for long
    ///   evidence without a cookie of this server, so that the guest begins anew.
    func longestBody(of request: Request, _ rule: BodyRule) throws -> Int {
        let longest: Int
        switch rule {
        case .unread: return 0
        case .upTo(let limit): longest = limit
        case .evidence(let limit, let awaited, _, let isAwaited):
            if request.isLong(rule) {
                guard isAwaited(request) else {
                    throw Refusal(
                        .challengeInvalid,
                        "The cookie kbs-session-id is not from this server: start again at /auth and send it back.")
                }
                longest = awaited
            } else {
                longest = limit
            }
        }
        if let length = request.headers[.contentLength], Int(length).map({ $0 > longest }) ?? true {
            throw HTTPError.bodyTooLong(longest)
        }
        return longest
    }

    /// Load shedding: refuses evidence at once that would wait too long for verification.
    ///
    /// A connection's event loop verifies, so there are never more concurrent verifications than cores. A loop takes in
    /// all requests that have arrived before it continues with any of them, so that surplus requests are refused before
    /// the others are verified, and no request waits longer than the verification of `limits.waiting_attestations`
    /// requests takes.
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
                .overloaded, "Too many attestations wait for verification: try again.", retryAfter: 2)
        }
        return response
    }

    /// - Returns: `nil` if too many requests wait.
    private func queue(_ request: Request, _ body: (Request) async throws -> Response) async throws -> Response? {
        var request = request
        // Read before counting: otherwise slow senders would fill the slots.
        _ = try await request.collectBody()
        let whole = request
        return try await room.admit {
            await Task.yield()
            return try await body(whole)
        }
    }
}

extension Request {
    /// Whether the body is evidence over `limits.body`, or evidence without a stated length.
    fileprivate func isLong(_ rule: BodyRule) -> Bool {
        guard case .evidence(let limit, _, let mayBeLong, _) = rule else { return false }
        let isLong = statedLength.map { $0 > limit } ?? (headers[.transferEncoding] != nil)
        return isLong && mayBeLong(self)
    }
}
