import Bytes

/// A user's name and password. Only the password counts: it is a token, in ASCII. Buildah can send
/// nothing else.
struct BasicCredentials: Sendable, Hashable {
    let password: String

    /// - Parameter text: base64 of `name:password`. Source: RFC 7617, section 2.
    init?(_ text: String) {
        guard let bytes = Base64.decode(text), let pair = String(validating: bytes, as: UTF8.self),
            CombiningMarks.isASCII(pair), let colon = pair.firstIndex(of: ":")
        else { return nil }
        password = String(pair[pair.index(after: colon)...])
    }
}
