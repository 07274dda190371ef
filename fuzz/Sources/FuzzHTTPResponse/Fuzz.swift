import FuzzSupport
import HTTP

/// Any bytes as a response: what comes at once and what comes in pieces is read alike.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = Depth.bytes(start, count)
    for method in [HTTPRequest.Method.get, .head] {
        let whole = outcome(bytes, method, inPieces: max(bytes.count, 1))
        let pieces = outcome(bytes, method, inPieces: 1 + Int(bytes.first ?? 0) % 31)
        precondition(whole == pieces)
        if case .response(_, let body, _) = whole {
            Depth.reached(body.isEmpty ? "a response" : "a response with a body")
        }
    }
    for text in [String(decoding: bytes.prefix(64), as: UTF8.self)] {
        if let address = IPAddress(text) { precondition(IPAddress("\(address)") == address) }
        if let seconds = HTTPDate.seconds(text) { precondition(HTTPDate.text(seconds) == text) }
        _ = try? NetworkList(text)
    }
    return 0
}

private enum Outcome: Equatable {
    case response(HTTPResponse?, body: [UInt8], rest: [UInt8])
    case refused(MalformedMessage)
}

private func outcome(_ bytes: [UInt8], _ method: HTTPRequest.Method, inPieces size: Int) -> Outcome {
    var reader = ResponseReader(to: method, longestBody: 20_000)
    do {
        for start in stride(from: 0, to: bytes.count, by: size) {
            try reader.read(bytes[start..<min(start + size, bytes.count)])
        }
        try reader.end()
    } catch {
        return .refused(error)
    }
    return .response(reader.response, body: reader.body, rest: reader.rest)
}
