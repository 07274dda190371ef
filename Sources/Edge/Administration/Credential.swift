import Broker
import Bytes
import HTTP
import HTTPEdge

extension Request {
    /// The caller before authentication.
    var anonymous: Actor {
        localUser.map { .local(user: $0) } ?? .anonymous(address?.description ?? "")
    }
}

/// The credential of a request.
enum Credential: Sendable, Hashable {
    case token(id: String, secret: String)
    case jwt(String)
    /// A malformed credential.
    case unreadable

    /// From `Authorization`: `Bearer` with a token or a JWT, or `Basic` with one of them as the password.
    ///
    /// - Returns: `nil` without a credential.
    init?(_ request: Request) {
        guard let header = request.headers[.authorization] else { return nil }
        let parts = CombiningMarks.isASCII(header) ? header.split(separator: " ", maxSplits: 1) : []
        let value = parts.count == 2 ? String(parts[1].trimmingPrefix(while: { $0 == " " })) : ""
        switch parts.first?.lowercased() {
        case "bearer": self.init(text: value)
        case "basic": self.init(text: Self.password(value) ?? "")
        default: self = .unreadable
        }
    }

    /// The password of HTTP Basic, which is a token in ASCII; the user name does not count. Buildah can send nothing
    /// else.
    ///
    /// - Parameter text: base64 of `name:password`. Source: RFC 7617, section 2.
    private static func password(_ text: String) -> String? {
        guard let bytes = Base64.decode(text), let pair = String(validating: bytes, as: UTF8.self),
            CombiningMarks.isASCII(pair), let colon = pair.firstIndex(of: ":")
        else { return nil }
        return String(pair[pair.index(after: colon)...])
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
