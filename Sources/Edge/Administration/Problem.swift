import Broker
import Bytes
import Evidence
import FoundationEssentials
import HTTP
public import HTTPEdge
import Logging
import VirteeDialect

/// An error as RFC 9457 has it: `application/problem+json`.
struct Problem: Sendable {
    let status: HTTPResponse.Status
    /// Stable; that of a ``Refusal``, or of HTTP.
    let code: String
    let detail: String
    var headers = HTTPFields()

    init(_ status: HTTPResponse.Status, code: String, detail: String) {
        self.status = status
        self.code = code
        self.detail = detail
    }

    init(_ refusal: Refusal) {
        self.init(refusal.code.status, code: refusal.code.rawValue, detail: refusal.sentence)
        if let seconds = refusal.retryAfter { headers[.retryAfter] = "\(seconds)" }
        if refusal.code == .unauthenticated { headers[values: .wwwAuthenticate] = RefusalResponse.authentication }
    }

    init(_ status: HTTPResponse.Status) {
        let detail =
            switch status.code {
            case 404: "There is nothing here: /openapi.json lists what there is."
            case 413: "The body is too long."
            case 415: "The body must be application/json."
            default: status.reasonPhrase
            }
        self.init(status, code: "http_\(status.code)", detail: detail)
    }

    var response: Response {
        struct Document: Encodable {
            let type, title, detail, code: String
            let status: Int
        }
        let document = Document(
            type: "urn:swift-kbs:problem:\(code)", title: status.reasonPhrase, detail: detail, code: code,
            status: status.code)
        var headers = headers
        headers[.contentType] = "application/problem+json"
        headers[.cacheControl] = "no-store"
        return Response(
            status: status, headers: headers, body: .bytes(Replies.encode(document)))
    }
}

/// Turns everything that goes wrong under `/api` into a problem document.
public struct ProblemMiddleware<Context: RequestContext>: RouterMiddleware {
    public init() {}

    public func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard request.uri.path.hasPrefix("/api/") || request.uri.path == "/openapi.json" else {
            return try await next(request, context)
        }
        do {
            return try await next(request, context)
        } catch let refusal as Refusal {
            return Problem(refusal).response
        } catch let error as HTTPError {
            return Problem(error.status).response
        } catch is CancellationError {
            return Problem(Refusal(.unavailable, "The server is stopping.", retryAfter: 5)).response
        } catch {
            // Nothing fails open, and nobody outside learns the details.
            context.logger.error(
                "A request failed.", metadata: ["error": "\(error)", "path": "\(request.uri.path.prefix(200))"])
            return Problem(
                Refusal(.unavailable, "The server could not do this; its log says why.", retryAfter: 5)
            ).response
        }
    }
}

/// Replies of the API in JSON, as the server writes them and ``RemoteAdministrator`` reads them.
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
