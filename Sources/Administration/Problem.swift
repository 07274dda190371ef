import Broker
import Evidence
import Foundation
import HTTPTypes
public import Hummingbird
import Logging
import NIOCore
import NIOFoundationEssentialsCompat
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
            status: status, headers: headers, body: .init(byteBuffer: ByteBuffer(data: JSON.encode(document))))
    }
}

/// Turns everything that goes wrong under `/api` into a problem document.
public struct ProblemMiddleware<Context: RequestContext>: RouterMiddleware {
    public init() {}

    @concurrent public func handle(
        _ request: Request, context: Context, next: @concurrent (Request, Context) async throws -> Response
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
            context.logger.error("A request failed.", metadata: ["error": "\(error)", "path": "\(request.uri.path)"])
            return Problem(
                Refusal(.unavailable, "The server could not do this; its log says why.", retryAfter: 5)
            ).response
        }
    }
}

/// How the API writes and reads JSON.
enum JSON {
    static func encode(_ value: some Encodable) -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        // The messages hold nothing that cannot be written.
        return (try? encoder.encode(value)) ?? Data("{}".utf8)
    }

    /// - Throws: a ``Refusal`` that says where it is wrong without repeating any of it: it may hold a secret.
    static func decode<T: Decodable>(_ type: T.Type, _ data: Data) throws(Refusal) -> T {
        do { try CombiningMarks.check(data) } catch {
            throw Refusal(.malformed, "The body is not text that can be used: \(error.reason).")
        }
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        do {
            return try decoder.decode(type, from: data)
        } catch DecodingError.keyNotFound(let key, _) {
            throw Refusal(.malformed, "The field \(key.stringValue) is missing.")
        } catch DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context),
            DecodingError.dataCorrupted(let context)
        {
            let path = context.codingPath.map(\.stringValue).joined(separator: ".")
            throw Refusal(
                .malformed,
                path.isEmpty ? "The body is not a JSON object in UTF-8." : "The field \(path) cannot be used.")
        } catch {
            throw Refusal(.malformed, "The body cannot be read.")
        }
    }
}
