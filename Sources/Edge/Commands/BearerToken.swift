/// An access token or a JWT, for `Authorization: Bearer`. Source: RFC 6750, `b64token`.
struct BearerToken {
    let text: String

    /// Removes blanks and line ends at both ends, which files and shells add.
    ///
    /// - Parameter source: the text's origin, for the error, which does not repeat the text.
    /// - Returns: nil for a blank text.
    /// - Throws: ``CommandFailure``.
    init?(_ text: String, from source: String) throws {
        let bytes = Array(text.utf8)
        let isBlank = { (byte: UInt8) in byte == 0x20 || (0x09...0x0D).contains(byte) }
        guard let first = bytes.firstIndex(where: { !isBlank($0) }),
            let last = bytes.lastIndex(where: { !isBlank($0) })
        else { return nil }
        if let wrong = bytes[first...last].firstIndex(where: { !Self.isAllowed($0) }) {
            throw CommandFailure("\(source) holds a character that no token has (at \(wrong + 1))")
        }
        self.text = String(decoding: bytes[first...last], as: UTF8.self)
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "-._~+/=".utf8.contains(byte)
        }
    }
}
