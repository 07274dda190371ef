import Evidence
import Foundation

/// A user's name and password. Only the password counts: it is a token, in ASCII. Buildah can send
/// nothing else.
struct BasicCredentials: Sendable, Hashable {
    let password: String

    /// - Parameter text: base64 of `name:password`. Source: RFC 7617, section 2.
    init?(_ text: String) {
        guard let bytes = Data(base64Encoded: text), let pair = String(bytes: bytes, encoding: .utf8),
            CombiningMarks.isASCII(pair), let colon = pair.firstIndex(of: ":")
        else { return nil }
        password = String(pair[pair.index(after: colon)...])
    }
}
