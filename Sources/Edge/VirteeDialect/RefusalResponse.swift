public import Broker
public import HTTP
public import HTTPEdge
import Logging

/// Turns everything that goes wrong into plain text, which the clients show to whoever runs them.
public struct RefusalMiddleware<Context: RequestContext>: RouterMiddleware {
    public init() {}

    public func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let refusal as Refusal {
            // libkrun's client has 200 bytes for what it is told here, and crashes on more.
            let isAnswer = request.uri.path.utf8.elementsEqual("/kbs/v0/attest".utf8)
            return RefusalResponse.response(to: refusal, upTo: isAnswer ? 199 : nil)
        } catch let error as HTTPError {
            return RefusalResponse.text(
                error.status, headers: error.headers, error.body ?? RefusalResponse.sentence(for: error.status))
        } catch is CancellationError {
            return RefusalResponse.response(to: Refusal(.unavailable, "The server is stopping.", retryAfter: 5))
        } catch {
            // Nothing fails open, and nobody outside learns the details.
            context.logger.error(
                "A request failed.", metadata: ["error": "\(error)", "path": "\(request.uri.path.prefix(200))"])
            return RefusalResponse.response(
                to: Refusal(.unavailable, "The server could not do this; its log says why.", retryAfter: 5))
        }
    }
}

public enum RefusalResponse {
    /// How a caller can prove itself. Clients that can only do Basic ask for a password when they see this.
    public static var authentication: [String] {
        ["Bearer realm=\"swift-kbs\"", "Basic realm=\"swift-kbs\", charset=\"UTF-8\""]
    }

    /// The form that a refusal has in this dialect.
    ///
    /// - Parameter limit: the most bytes that the client has for it; nil when it does not matter.
    public static func response(to refusal: Refusal, upTo limit: Int? = nil) -> Response {
        let description = refusal.description
        var response = text(
            refusal.code.status, limit.map { ShortSentence.of(description, upTo: $0) } ?? description)
        if let seconds = refusal.retryAfter { response.headers[.retryAfter] = "\(seconds)" }
        if refusal.code == .unauthenticated { response.headers[values: .wwwAuthenticate] = authentication }
        return response
    }

    public static func text(
        _ status: HTTPResponse.Status, headers: HTTPFields = [:], _ sentence: String
    ) -> Response {
        var response = Response(status: status, text: sentence)
        for field in headers { response.headers[field.name] = field.value }
        return response
    }

    fileprivate static func sentence(for status: HTTPResponse.Status) -> String {
        switch status.code {
        case 404: "There is nothing here: the calls are under /kbs/v0."
        case 415: "The body must be application/json."
        default: status.reasonPhrase
        }
    }
}

extension Refusal.Code {
    /// The HTTP status that goes with it.
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

extension RouterMethods {
    /// Answers 405 to every other method. `HEAD` goes with `GET`, and is in `Allow` where that is.
    ///
    /// - Parameter reply: makes the answer of a sentence.
    public func refuseOtherMethods(
        on path: RouterPath, than allowed: [HTTPRequest.Method],
        replying reply: @escaping @Sendable (String) -> Response = { RefusalResponse.text(.methodNotAllowed, $0) }
    ) {
        let names = allowed.map(\.rawValue).joined(separator: ", ")
        let taken = allowed.flatMap { $0 == .get ? [.get, .head] : [$0] }
        for method in HTTPRequest.Method.known where !taken.contains(method) {
            on(path, method: method) { _, _ in
                var response = reply("This path takes \(names) and not \(method.rawValue).")
                response.headers[.allow] = taken.map(\.rawValue).joined(separator: ", ")
                return response
            }
        }
    }
}
