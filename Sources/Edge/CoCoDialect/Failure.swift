public import Broker
import Formats
public import HTTP
public import HTTPEdge
import Logging

/// What went wrong while a request of this dialect was answered, and is to be told in its form.
///
/// The two dialects share paths, so that a path does not always say which form an error has.
public struct Failure: Error, Sendable {
    public let refusal: Refusal
    public let status: HTTPResponse.Status
    /// What nobody expected and only the log is told of; `nil` for what is meant to be refused.
    let cause: (any Error)?

    /// - Parameter status: `nil` for that of the refusal.
    init(_ refusal: Refusal, status: HTTPResponse.Status? = nil) {
        self.init(refusal, status: status, cause: nil)
    }

    private init(_ refusal: Refusal, status: HTTPResponse.Status?, cause: (any Error)?) {
        self.refusal = refusal
        self.status = status ?? refusal.code.guestStatus
        self.cause = cause
    }

    /// Whatever was thrown. Nothing fails open, and nobody outside learns the details.
    init(thrown error: any Error) {
        switch error {
        case let failure as Failure: self = failure
        case let refusal as Refusal: self.init(refusal)
        case let error as HTTPError: self.init(Refusal(error), status: error.status)
        case is CancellationError: self.init(Refusal(.unavailable, "The server is stopping.", retryAfter: 5))
        default:
            self.init(
                Refusal(.unavailable, "The server could not do this; its log says why.", retryAfter: 5), status: nil,
                cause: error)
        }
    }

    /// `{"type": URI, "detail": TEXT}`.
    var response: Response {
        // What a guest's library knows of an error is its type; ours is as stable as the code.
        let type = "urn:swift-kbs:problem:\(refusal.code.rawValue)"
        var response = Response(json: ["type": .text(type), "detail": .text(refusal.sentence)], status: status)
        if let seconds = refusal.retryAfter { response.headers[.retryAfter] = "\(seconds)" }
        return response
    }
}

extension Refusal.Code {
    /// The status by which a guest's library decides what to do next: after 401 it attests again and retries, 404 is "there
    /// is none", and any other is final.
    var guestStatus: HTTPResponse.Status {
        switch self {
        case .challengeInvalid, .challengeExpired, .challengeUsed, .sessionInvalid, .unauthenticated, .workloadChanged:
            .unauthorized
        case .malformed, .invalidField, .technologyMismatch: .badRequest
        case .evidenceRefused, .policyRefused, .resourceDisabled, .workloadDisabled, .forbidden, .registrationForbidden:
            .forbidden
        case .notFound, .workloadUnknown, .keyUnknown: .notFound
        case .workloadExists, .resourceExists, .inUse: .conflict
        case .preconditionFailed: .preconditionFailed
        case .rateLimited: .tooManyRequests
        case .endorsementUnavailable, .overloaded, .unavailable: .serviceUnavailable
        }
    }
}

extension Request {
    /// Whether it is one of this dialect, as far as that can be told without its body.
    fileprivate var isOfGuestComponents: Bool {
        let parts = uri.path.split(separator: "/", maxSplits: 3)
        guard parts.count >= 3, parts[0] == "kbs", parts[1] == "v0" else { return false }
        return switch parts[2] {
        case "auth", "attest": hasGuestCookie
        case "register_workload", "key": false
        default: true
        }
    }
}

/// Turns everything that goes wrong in this dialect into its JSON.
public struct FailureMiddleware<Context: RequestContext>: RouterMiddleware {
    public init() {}

    public func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch  where error is Failure || request.isOfGuestComponents {
            let failure = Failure(thrown: error)
            if let cause = failure.cause {
                context.logger.error(
                    "A request failed.", metadata: ["error": "\(cause)", "path": "\(request.uri.path.prefix(200))"])
            }
            return failure.response
        }
    }
}

extension Refusal {
    /// What the framework, or reading a body, has thrown.
    init(_ error: HTTPError) {
        switch error.status {
        case .notFound:
            self.init(.notFound, "There is nothing here: of Trustee's plugins only resource is served.")
        default: self.init(.malformed, error.body ?? error.status.reasonPhrase)
        }
    }
}

extension Response {
    init(json: JSONValue, status: HTTPResponse.Status = .ok) { self.init(json: json.encoded, status: status) }

    /// - Parameter json: put together already.
    init(json: String) { self.init(json: Array(json.utf8), status: .ok) }

    private init(json: [UInt8], status: HTTPResponse.Status) {
        self.init(
            status: status, headers: [.contentType: "application/json", .cacheControl: "no-store"], body: .bytes(json))
    }
}
