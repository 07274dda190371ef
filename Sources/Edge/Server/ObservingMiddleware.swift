import Broker
import CoCoDialect
import HTTP
import HTTPEdge
import Logging
import Metrics
import Tracing

/// Goes around everything else: names the request, and sees to it that the name, the counters, the
/// span and the access log agree on what became of it.
///
/// No cookie, header or body is ever written down; a path only by what it is about.
struct ObservingMiddleware: RouterMiddleware {
    let metrics: HTTPMetrics
    let tracing: RequestTracing
    let logger: Logger
    /// Those whose `X-Request-Id` is taken over.
    let networks: NetworkList
    /// What the server was started in: requests come on threads that know nothing of it.
    let surroundings = ServiceContext.current ?? .topLevel

    func handle(
        _ request: Request, context: KBSRequestContext,
        next: (Request, KBSRequestContext) async throws -> Response
    ) async throws -> Response {
        let start = ContinuousClock.now
        let endpoint = Endpoint(request.uri.path)
        metrics.inFlight.increment()
        defer { metrics.inFlight.decrement() }
        var here = surroundings
        let id = requestID(request, context)
        here.requestID = id
        here.caller = context.peer
        tracing.begin(request, from: context.remoteAddress, in: &here)
        return try await ServiceContext.$current.withValue(here) {
            do {
                var response = try await traced("kbs.http.\(endpoint.rawValue)", ofKind: .server) { span in
                    span?.attributes["http.request.method"] = HTTPMetrics.name(of: request.method) ?? "_OTHER"
                    // Its pattern: the path itself may name a workload or a resource.
                    span?.attributes["http.route"] = context.endpointPath
                    span?.attributes["kbs.request"] = id.description
                    let response = try await next(request, context)
                    span?.attributes["http.response.status_code"] = Int64(response.status.code)
                    if response.status.code >= 500 { span?.setStatus(SpanStatus(code: .error)) }
                    return response
                }
                response.headers[.xRequestID] = id.description
                finish(request, context, endpoint, response.status, start)
                return response
            } catch {
                finish(request, context, endpoint, .internalServerError, start)
                throw error
            }
        }
    }

    private func requestID(_ request: Request, _ context: KBSRequestContext) -> RequestID {
        guard let text = request.headers[.xRequestID], networks.contains(context.remoteAddress) else {
            return RequestID()
        }
        return RequestID(text) ?? RequestID()
    }

    private func finish(
        _ request: Request, _ context: KBSRequestContext, _ endpoint: Endpoint, _ status: HTTPResponse.Status,
        _ start: ContinuousClock.Instant
    ) {
        let duration = start.duration(to: .now)
        metrics.count(endpoint, request.method, status, duration)
        logger.debug(
            "Answered.",
            metadata: [
                "method": "\(request.method.rawValue)", "endpoint": "\(endpoint.rawValue)", "status": "\(status.code)",
                "microseconds": "\(duration.nanoseconds / 1_000)",
            ])
    }
}

/// Counts refusals by their code. It stands inside of what turns them into responses.
struct RefusalCounter: RouterMiddleware {
    let metrics: BrokerMetrics

    func handle(
        _ request: Request, context: KBSRequestContext,
        next: (Request, KBSRequestContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let refusal as Refusal {
            metrics(refusal)
            throw refusal
        } catch let failure as Failure {
            metrics(failure.refusal)
            throw failure
        }
    }
}
