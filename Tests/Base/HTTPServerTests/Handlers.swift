import HTTP
import HTTPServer

/// Answers `/` with "hello", and `/echo` with the body.
@Sendable func greetOrEcho(_ request: IncomingRequest) async -> OutgoingResponse {
    switch request.head.path {
    case "/": return OutgoingResponse(status: .ok, text: "hello")
    case "/echo":
        do {
            return OutgoingResponse(status: .ok, body: try await request.body.collect(upTo: 1 << 24))
        } catch {
            return failure(error)
        }
    default: return OutgoingResponse(status: .notFound, text: "nothing here")
    }
}

func failure(_ error: any Error) -> OutgoingResponse {
    switch error as? BodyFailure {
    case .tooLong: OutgoingResponse(status: .contentTooLarge, text: "too long")
    case .noRoom: OutgoingResponse(status: .serviceUnavailable, text: "no room")
    case .malformed(let fault): OutgoingResponse(status: fault.status, text: fault.reason)
    case .connectionEnded, .alreadyRead, nil: OutgoingResponse(status: .internalServerError, text: "\(error)")
    }
}

let get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

func post(_ path: String, _ body: String, _ fields: String = "") -> String {
    "POST \(path) HTTP/1.1\r\nHost: x\r\n\(fields)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
}
