import Administration
import Broker
import HTTP
import HTTPEdge
import HTTPServer
import Logging
import Operators
import Tracing

/// The steps of a request, from its head to its response: it is named, counted and traced; charged to its address;
/// routed; its body bounded; its caller authorized; and then handled.
final class RequestHandler: Sendable {
    let calls: CallTable
    /// Authorizes administrators; `nil` on a listener without administrative calls.
    let gate: Gate?
    let limits: ServerLimits
    let observer: RequestObserver
    /// `nil` for plain HTTP.
    let tls: CurrentTLS?
    /// Networks of proxies whose statement about their client is trusted.
    let proxies: NetworkList
    let logger: Logger

    init(
        calls: CallTable, gate: Gate?, limits: ServerLimits, observer: RequestObserver, tls: CurrentTLS?,
        proxies: NetworkList, logger: Logger
    ) {
        (self.calls, self.gate, self.limits, self.observer) = (calls, gate, limits, observer)
        (self.tls, self.proxies, self.logger) = (tls, proxies, logger)
    }

    func respond(to incoming: IncomingRequest) async -> OutgoingResponse {
        let (caller, fault) = caller(of: incoming)
        var request = Request(
            head: incoming.head, path: Self.path(of: incoming.head), body: .incoming(incoming.body), from: caller)
        request.isSecure = incoming.tls != nil
        request.certificate = tls?.believed(incoming.tls)
        let (match, whole) = (calls.match(request.method, request.uri.path), request)
        return await observer.observe(whole, match) {
            do {
                return try await answer(whole, match, fault)
            } catch {
                return match.form().response(toThrown: error, of: whole, logger: logger)
            }
        }.outgoing
    }

    private func answer(
        _ request: Request, _ match: CallTable.Match, _ fault: MalformedMessage?
    ) async throws -> Response {
        try await limits.takeShare(of: request, match)
        // An unreadable address would decide rights, so it is an error.
        if let fault { throw HTTPError(fault.status, message: fault.reason) }
        let (call, parameters) = try match.call(request.method)
        var request = request
        request.parameters = parameters
        request.longestBody = try limits.longestBody(of: request, call.body)
        guard case .evidence = call.body else { return try await make(call, request) }
        return try await limits.verifying(request) { try await make(call, $0) }
    }

    private func make(_ call: Call, _ request: Request) async throws -> Response {
        switch call.handler {
        case .open(let answer):
            return try await Caller.$current.withValue(Caller(request)) { try await answer(request) }
        case .admitted(let right, let answer):
            // Guests need the folded path. A proxy that denies administrative paths must see the one that is called.
            guard let gate else { throw HTTPError(.notFound) }
            guard request.uri.string == request.head.path else {
                throw HTTPError(
                    .notFound, message: "The path has two slashes at its beginning, and this call takes one.")
            }
            let admission = try await gate.admit(request, to: right, checksNames: call.checksNames)
            var request = request
            if let operation = call.operation {
                request.query = try Query(request.uri, knowing: operation.query.map(\.name))
            }
            do { return try await answer(request, admission) } catch let refusal as Refusal
                where refusal.code == .forbidden
            {
                try await gate.record(refusal, of: request, by: admission.actor)
                throw refusal
            }
        }
    }

    private func caller(of request: IncomingRequest) -> (Peer, MalformedMessage?) {
        guard !proxies.isEmpty else { return (request.peer, nil) }
        do {
            let address = try ForwardedFor.caller(
                of: request.head.headerFields, from: request.peer.address, trusting: proxies)
            return (Peer(address: address, userID: request.peer.userID), nil)
        } catch {
            return (request.peer, error)
        }
    }

    /// Some guests' clients append their paths to a base URL that ends in a slash: a doubled slash at the very
    /// beginning counts as one.
    private static func path(of head: HTTPRequest) -> String {
        head.path.utf8.starts(with: "//kbs/v0/".utf8) ? String(head.path.dropFirst()) : head.path
    }
}

extension Caller {
    fileprivate convenience init(_ request: Request) {
        let address = request.address
        self.init(
            network: address?.limited.description, address: address?.description ?? "",
            request: ServiceContext.current?.requestID?.description ?? "")
    }
}
