public import Broker
public import HTTP
import HTTPServer
public import Logging

/// The form in which a call reports failures: each dialect has its own.
public protocol FailureForm: Sendable {
    /// - Parameter status: replaces the code's own status.
    func response(to refusal: Refusal, status: HTTPResponse.Status?) -> Response

    /// The response to an HTTP error, without the error's own header fields.
    func response(to error: HTTPError) -> Response

    /// The form for a request, where calls of two dialects share a path.
    func form(for request: Request) -> any FailureForm
}

extension FailureForm {
    public func form(for request: Request) -> any FailureForm { self }

    /// The response to any error thrown by a call. Unexpected errors refuse, and their details go to the log only.
    public func response(toThrown error: any Error, of request: Request, logger: Logger) -> Response {
        let form = form(for: request)
        switch error {
        case let refusal as Refusal: return form.told(refusal)
        case let refused as Refused: return form.told(refused.refusal, status: refused.status)
        case let error as HTTPError:
            var response = form.response(to: error)
            for field in error.headers { response.headers[field.name] = field.value }
            return response
        case BodyFailure.noRoom:
            return form.told(
                Refusal(.overloaded, "The server has no memory left for the request: try again.", retryAfter: 2))
        case is CancellationError:
            return form.told(Refusal(.unavailable, "The server is stopping.", retryAfter: 5))
        default:
            logger.error(
                "A request failed.", metadata: ["error": "\(error)", "path": "\(request.uri.path.prefix(200))"])
            return form.told(Refusal(.unavailable, "The server failed; its log has the reason.", retryAfter: 5))
        }
    }

    private func told(_ refusal: Refusal, status: HTTPResponse.Status? = nil) -> Response {
        var response = response(to: refusal, status: status)
        response.refusal = refusal
        if refusal.code == .unauthenticated { response.headers[values: .wwwAuthenticate] = HTTPError.challenges }
        if let seconds = refusal.retryAfter { response.headers[.retryAfter] = "\(seconds)" }
        return response
    }
}

/// A refusal with another status than its code's.
public struct Refused: Error, Sendable {
    public let refusal: Refusal
    public let status: HTTPResponse.Status

    public init(_ refusal: Refusal, status: HTTPResponse.Status) {
        self.refusal = refusal
        self.status = status
    }
}

/// Plain text: the refusal's code, then its sentence.
public struct PlainText: FailureForm {
    public init() {}

    public func response(to refusal: Refusal, status: HTTPResponse.Status?) -> Response {
        Self.response(refusal.description, to: refusal, status: status)
    }

    /// - Parameter sentence: the refusal's sentence, perhaps shortened.
    public static func response(
        _ sentence: String, to refusal: Refusal, status: HTTPResponse.Status? = nil
    ) -> Response {
        Response(status: status ?? refusal.code.status, text: sentence)
    }

    public func response(to error: HTTPError) -> Response {
        let nothing = "There is nothing here: the calls are under /kbs/v0."
        return Response(status: error.status, text: error.sentence(wherePathLeadsNowhere: nothing))
    }
}

extension HTTPError {
    /// The sentence for the caller.
    public func sentence(wherePathLeadsNowhere nothing: String) -> String {
        if let body { return body }
        return switch status {
        case .notFound: nothing
        case .unsupportedMediaType: "The body must be application/json."
        default: status.reasonPhrase
        }
    }

    /// The accepted authentication schemes. Clients that support Basic only ask for a password when they see this.
    fileprivate static var challenges: [String] {
        ["Bearer realm=\"swift-kbs\"", "Basic realm=\"swift-kbs\", charset=\"UTF-8\""]
    }
}

extension Refusal.Code {
    /// The HTTP status of the code. Guest components use statuses of their own: `CoCoFailureForm`.
    public var status: HTTPResponse.Status {
        switch self {
        case .malformed, .invalidField, .challengeInvalid, .challengeExpired, .challengeUsed, .workloadChanged,
            .technologyMismatch:
            .badRequest
        case .registrationForbidden, .forbidden, .workloadDisabled, .policyRefused, .resourceDisabled: .forbidden
        case .unauthenticated: .unauthorized
        case .preconditionFailed: .preconditionFailed
        case .workloadExists, .resourceExists, .inUse: .conflict
        case .workloadUnknown, .keyUnknown, .notFound: .notFound
        case .evidenceRefused: .forbidden
        case .sessionInvalid: .unauthorized
        case .rateLimited: .tooManyRequests
        case .endorsementUnavailable, .overloaded, .unavailable: .serviceUnavailable
        }
    }
}
