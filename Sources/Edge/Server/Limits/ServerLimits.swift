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
    /// The settings' limit of connections, lowered to what the system allows.
    private let mostConnections: Int

    /// Also raises the process's limit of open files; the limit of connections stays below it.
    init(_ settings: LimitSettings, logger: Logger) {
        self.settings = settings
        room = AttestationSlots(capacity: settings.waitingAttestations)
        rate =
            settings.requestsPerSecond > 0
            ? RateLimiter(perSecond: settings.requestsPerSecond, burst: settings.burst) : nil
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
        configuration.longBody = settings.body
        let longest = max(settings.longestEvidence, settings.resource)
        configuration.longBodies = max(settings.bodies / 2, longest)
        configuration.longBodiesPerSender = max(settings.bodies / 4, longest)
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
            if case .evidence(let longest) = call.body, let longest = try? longest(request), longest > settings.body {
                count += (request.statedLength ?? longest) / Self.piece
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
    /// - Throws: ``HTTPError`` if the stated length exceeds it, before the body is read; the rule's ``Refusal``.
    func longestBody(of request: Request, _ rule: BodyRule) throws -> Int {
        let longest: Int
        switch rule {
        case .unread: return 0
        case .upTo(let limit): longest = limit
        case .evidence(let limit): longest = try limit(request)
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
        _ request: Request, _ body: (Request) async throws -> Response
    ) async throws -> Response {
        var request = request
        // Read before counting: otherwise slow senders would fill the slots.
        _ = try await request.collectBody()
        let whole = request
        let response = try await room.admit {
            await Task.yield()
            return try await body(whole)
        }
        guard let response else {
            counters.count(.overload)
            throw Refusal(
                .overloaded, "Too many attestations wait for verification: try again.", retryAfter: 2)
        }
        return response
    }
}
