import Bytes
import FuzzSupport
import HTTP

@testable import Administration
@testable import Broker
@testable import HTTPEdge

/// What a stranger's head says of who asks for what: a path, a cookie, credentials, and a challenge sealed by the server.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let text = String(decoding: Depth.bytes(start, count), as: UTF8.self)
    readPath(text)
    readCookies(text)
    readCredentials(text)
    readSeal(text)
    return 0
}

private func readPath(_ text: String) {
    let uri = URI("/" + text)
    for pattern: CallPath in ["kbs/v0/resource/**path", "api/v1/workloads/:id", "kbs/v0/auth"] {
        if pattern.match(uri.path) != nil { Depth.reached("a call") }
    }
    if let decoded = PercentEncoding.decode(text) {
        Depth.reached("a decoded path")
        precondition(PercentEncoding.decode(PercentEncoding.encode(decoded)) == decoded)
    }
    if let path = try? ResourcePath(text) {
        Depth.reached("a resource's path")
        precondition(path.text == text && !path.text.split(separator: "/").contains { $0 == "." || $0 == ".." })
    }
    if let id = try? WorkloadID(text) { precondition(id.text == text) }
}

private func request(_ name: HTTPField.Name, _ value: String) -> Request {
    var head = HTTPRequest(method: .get, path: "/")
    head.headerFields[name] = value
    return Request(head: head, body: .collected([]))
}

private func readCookies(_ text: String) {
    for value in request(.cookie, text).cookies(named: "kbs-session-id") {
        Depth.reached("a cookie")
        precondition(!value.utf8.contains(UInt8(ascii: ";")))
    }
}

private func readCredentials(_ text: String) {
    for line in [text, "Bearer \(text)", "Basic \(Array(text.utf8).base64)"] {
        guard let credential = Credential(request(.authorization, line)) else { continue }
        switch credential {
        case .token(let id, let secret):
            Depth.reached("a token")
            precondition(CombiningMarks.isASCII(id) && CombiningMarks.isASCII(secret))
        case .jwt: Depth.reached("a JWT")
        case .unreadable: break
        }
    }
}

private let keys = ServerKeys(master: .init(data: [UInt8](repeating: 7, count: 32)))
private let held = HeldKeys(active: keys, previous: [])

/// Nothing opens but what was sealed, whatever is sealed.
private func readSeal(_ text: String) {
    precondition(OpenedChallenge(sealed: text, with: held) == nil, "a challenge that nobody made")
    precondition(SealedText.open(text, with: held) == nil)
    // A body of another kind under a good code: an older or newer version, or another technology.
    let sealed = SealedText.seal(Array(text.utf8.prefix(60)), with: keys)
    guard let opened = OpenedChallenge(sealed: sealed, with: held) else { return }
    Depth.reached(opened.isWorkloads ? "a workload's challenge" : "a guest's challenge")
    precondition(opened.challenge.sealed(with: keys) == sealed, "a challenge that reads as another")
}
