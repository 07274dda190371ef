public import Broker
import Bytes
import Evidence
import FoundationEssentials
public import HTTP
public import HTTPEdge

/// Failures as RFC 9457 has them: `application/problem+json`.
public struct ProblemForm: FailureForm {
    public init() {}

    public func response(to refusal: Refusal, status: HTTPResponse.Status?) -> Response {
        var response = Problem(status ?? refusal.code.status, code: refusal.code.rawValue, refusal.sentence).response
        if refusal.code == .unauthenticated { response.headers[values: .wwwAuthenticate] = HTTPError.challenges }
        return response
    }

    public func response(to error: HTTPError) -> Response {
        let detail = error.sentence(wherePathLeadsNowhere: "There is nothing here: /openapi.json lists what there is.")
        return Problem(error.status, code: "http_\(error.status.code)", detail).response
    }
}

/// What a problem document says.
struct Problem: Codable {
    let type, title: String
    let status: Int
    /// A sentence that says what to do.
    let detail: String
    /// Stable; that of a ``Refusal``, or of HTTP.
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
            body: .bytes(Replies.encode(self)))
    }
}

/// Replies of the API in JSON, as the server writes them and ``Administrator`` reads them.
enum Replies {
    static func encode(_ value: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        // The messages hold nothing that cannot be written.
        return (try? encoder.encode(value)).map { Array($0) } ?? Array("{}".utf8)
    }

    /// - Throws: an error that says which member of a server's reply cannot be used.
    static func decode<T: Decodable>(_ type: T.Type, _ reply: [UInt8]) throws -> T {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        do {
            return try decoder.decode(type, from: Data(reply))
        } catch let error as DecodingError {
            throw MalformedInput("the server's answer", error.sentence)
        }
    }
}

extension DecodingError {
    fileprivate var sentence: String {
        func place(_ path: [any CodingKey]) -> String { path.map(\.stringValue).joined(separator: ".") }
        return switch self {
        case .keyNotFound(let key, let context): "\(place(context.codingPath + [key])) is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
            context.codingPath.isEmpty
                ? "it is not the JSON of this API" : "\(place(context.codingPath)) cannot be used"
        @unknown default: "it cannot be read"
        }
    }
}
