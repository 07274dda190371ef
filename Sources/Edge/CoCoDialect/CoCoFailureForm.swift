public import Broker
import Formats
public import HTTP
public import HTTPEdge

/// `{"type": URI, "detail": TEXT}`, as guests' libraries read it.
public struct CoCoFailureForm: FailureForm {
    public init() {}

    public func response(to refusal: Refusal, status: HTTPResponse.Status?) -> Response {
        // Guests' libraries identify an error by its type; this one is as stable as the code.
        Response(
            status: status ?? refusal.code.guestStatus,
            json: [
                "type": .text("urn:swift-kbs:problem:\(refusal.code.rawValue)"), "detail": .text(refusal.sentence),
            ])
    }

    public func response(to error: HTTPError) -> Response {
        let refusal =
            switch error.status {
            case .notFound:
                Refusal(
                    .notFound, error.body ?? "There is nothing here: of Trustee's plugins only resource is served.")
            default: Refusal(.malformed, error.body ?? error.status.reasonPhrase)
            }
        return response(to: refusal, status: error.status)
    }
}

extension Refusal.Code {
    /// The status, by which a guest's library decides what to do next: after 401 it attests again and retries, 404
    /// means "no such resource", and any other is final.
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
