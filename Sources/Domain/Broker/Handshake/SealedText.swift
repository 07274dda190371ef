import Bytes

/// A text that only this server can have made, though anyone can read it: body ‖ HMAC-SHA256, as base64url without
/// padding.
enum SealedText {
    /// What the clients of either protocol have room for.
    private static let longest = 99
    private static let codeSize = 32

    static func seal(_ body: [UInt8], with keys: ServerKeys) -> String {
        (body + keys.authenticationCode(for: body)).base64URL
    }

    /// The text's body, if one of these keys has sealed it, and which.
    static func open(_ text: some StringProtocol, with held: HeldKeys) -> (body: [UInt8], keys: ServerKeys)? {
        guard text.utf8.count <= longest, let bytes = Base64.decodeURL(text), bytes.count > codeSize else { return nil }
        let (body, code) = (Array(bytes.dropLast(codeSize)), Array(bytes.suffix(codeSize)))
        if held.active.isValid(code, for: body) { return (body, held.active) }
        return held.previous.first { $0.isValid(code, for: body) }.map { (body, $0) }
    }
}
