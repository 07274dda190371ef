import FuzzSupport
import HTTP

/// Any bytes as requests on one connection, one after another: what comes at once and what comes in pieces is read alike,
/// and what was read has one reading only.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = Depth.bytes(start, count)
    let whole = messages(bytes, inPieces: max(bytes.count, 1))
    // Each piece is read with all before it: of long inputs they are few.
    let pieces = messages(bytes, inPieces: max(1 + Int(bytes.first ?? 0) % 31, bytes.count / 200))
    precondition(whole == pieces, "what comes in pieces is read in another way")
    for message in whole {
        guard case .request(let request, let body) = message else { continue }
        check(request)
        if body.count > 0 { Depth.reached("a body") }
    }
    if whole.count > 2 { Depth.reached("three messages") }
    return 0
}

private enum Message: Equatable {
    case request(HTTPRequest, body: [UInt8])
    case refused(MalformedMessage)
    /// The last one has not come whole.
    case incomplete
}

private func messages(_ bytes: [UInt8], inPieces size: Int) -> [Message] {
    var (messages, rest): ([Message], [UInt8]) = ([], bytes)
    while messages.count < 100 {
        do {
            guard let (request, body, end) = try message(rest, inPieces: size) else { return messages + [.incomplete] }
            precondition(end > 0 && end <= rest.count)
            messages.append(.request(request, body: body))
            rest.removeFirst(end)
        } catch {
            return messages + [.refused(error)]
        }
    }
    return messages
}

private func message(
    _ bytes: [UInt8], inPieces size: Int
) throws(MalformedMessage) -> (HTTPRequest, body: [UInt8], end: Int)? {
    var reader = RequestReader()
    var come = 0
    while come < bytes.count {
        come = min(come + size, bytes.count)
        guard let (head, end) = try reader.read(Array(bytes.prefix(come))) else { continue }
        Depth.reached("a head")
        switch head.bodyLength {
        case .bytes(let length):
            guard length <= bytes.count - end else { return nil }
            return (head.request, Array(bytes[end..<(end + length)]), end + length)
        case .chunked:
            return try chunks(bytes, from: end, inPieces: size).map { (head.request, $0.body, $0.end) }
        case .untilEnd: preconditionFailure("a request's body has an end")
        }
    }
    return nil
}

private func chunks(
    _ bytes: [UInt8], from start: Int, inPieces size: Int
) throws(MalformedMessage) -> (body: [UInt8], end: Int)? {
    var (reader, position, body): (ChunkedReader, Int, [UInt8]) = (ChunkedReader(), start, [])
    var come = start
    while true {
        pieces: while true {
            switch try reader.next(in: Array(bytes.prefix(come)), at: &position) {
            case .data(let range): body += bytes[range]
            case .incomplete: break pieces
            case .end(let end):
                Depth.reached("a chunked body, finished")
                return (body, end)
            }
        }
        precondition(position == come)
        guard come < bytes.count else { return nil }
        come = min(come + size, bytes.count)
    }
}

/// What was read is written, and read again as the same.
private func check(_ request: HTTPRequest) {
    precondition(request.path.utf8.first == UInt8(ascii: "/") || request.path == "*")
    let fields = request.headerFields
    precondition(fields[values: .host].count <= 1 && fields[values: .contentLength].count <= 1)
    precondition(!(fields.contains(.contentLength) && fields.contains(.transferEncoding)))
    guard request.scheme == nil else { return Depth.reached("a target with a host") }
    var written: [UInt8] = []
    do {
        try written.appendRequestLine(request.method, request.path)
        try written.append(fields)
    } catch {
        preconditionFailure("what was read cannot be written: \(error)")
    }
    written.appendLineEnd()
    var reader = RequestReader()
    // HTTP/1.0 may have been without a host, and knows no expectations.
    guard fields.contains(.host), fields[.expect].map({ $0.lowercased() == "100-continue" }) ?? true else { return }
    guard let (again, end) = try? reader.read(written) else {
        // A value that was no UTF-8 has become longer.
        return precondition(written.count > 16_000, "what was written is not read")
    }
    precondition(again.request == request && end == written.count)
}
