import Bytes

/// A text that only a holder of the master key can make, and anyone can read: body ‖ HMAC-SHA256, as base64url without
/// padding.
enum SealedText {
    /// The room that both protocols' clients have for a session id, in characters.
    private static let longest = 99
    private static let codeSize = 32

    static func seal(_ body: [UInt8], with keys: ServerKeys) -> String {
        (body + keys.authenticationCode(for: body)).base64URL
    }

    /// The text's body and the keys that sealed it; `nil` when none of these keys did.
    static func open(_ text: some StringProtocol, with held: HeldKeys) -> (body: [UInt8], keys: ServerKeys)? {
        guard text.utf8.count <= longest, let bytes = Base64.decodeURL(text), bytes.count > codeSize else { return nil }
        let (body, code) = (Array(bytes.dropLast(codeSize)), Array(bytes.suffix(codeSize)))
        if held.active.isValid(code, for: body) { return (body, held.active) }
        return held.previous.first { $0.isValid(code, for: body) }.map { (body, $0) }
    }
}
