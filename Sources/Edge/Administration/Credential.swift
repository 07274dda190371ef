import Broker
import Bytes
import HTTP
import HTTPEdge

extension Request {
    /// Who called, before anything is proved.
    var anonymous: Actor {
        localUser.map { .local(user: $0) } ?? .anonymous(address?.description ?? "")
    }
}

/// What a request brought along to prove who sent it.
enum Credential: Sendable, Hashable {
    case token(id: String, secret: String)
    case jwt(String)
    /// Neither has its form.
    case unreadable

    /// From `Authorization`: `Bearer` with a token or a JWT, or `Basic` with one of them as the password.
    ///
    /// - Returns: `nil` when there is none.
    init?(_ request: Request) {
        guard let header = request.headers[.authorization] else { return nil }
        guard CombiningMarks.isASCII(header) else {
            self = .unreadable
            return
        }
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2 else {
            self = .unreadable
            return
        }
        let value = parts[1].trimmingPrefix(while: { $0 == " " })
        switch parts[0].lowercased() {
        case "bearer": self.init(text: String(value))
        case "basic":
            guard let pair = BasicCredentials(String(value)) else {
                self = .unreadable
                return
            }
            self.init(text: pair.password)
        default: self = .unreadable
        }
    }

    private init(text: String) {
        if let (id, secret) = AccessToken.parse(text) {
            self = .token(id: id, secret: secret)
        } else if text.split(separator: ".", omittingEmptySubsequences: false).count == 3 {
            self = .jwt(text)
        } else {
            self = .unreadable
        }
    }
}
