public import Broker
import Bytes
import FoundationEssentials
public import HTTP
public import HTTPEdge

/// Failures as problem documents, `application/problem+json`. Source: RFC 9457.
public struct ProblemForm: FailureForm {
    public init() {}

    public func response(to refusal: Refusal, status: HTTPResponse.Status?) -> Response {
        Problem(status ?? refusal.code.status, code: refusal.code.rawValue, refusal.sentence).response
    }

    public func response(to error: HTTPError) -> Response {
        let detail = error.sentence(wherePathLeadsNowhere: "There is nothing here: /openapi.json lists what there is.")
        return Problem(error.status, code: "http_\(error.status.code)", detail).response
    }
}

/// A problem document.
struct Problem: Codable {
    let type, title: String
    let status: Int
    /// A sentence with the remedy.
    let detail: String
    /// Stable: the code of a ``Refusal``, or of HTTP.
    let code: String

    init(_ status: HTTPResponse.Status, code: String, _ detail: String) {
        self.status = status.code
        self.code = code
        self.detail = detail
        type = "urn:swift-kbs:problem:\(code)"
        title = status.reasonPhrase
    }

    var response: Response {
        Response(
            status: HTTPResponse.Status(code: status),
            headers: [.contentType: "application/problem+json", .cacheControl: "no-store"],
            body: Messages.encode(self))
    }
}
