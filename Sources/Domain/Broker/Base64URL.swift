package import Foundation

extension Data {
    /// Source: RFC 4648, section 5; without padding.
    package var base64URL: String {
        let digits = Array(base64EncodedString().utf8).prefix { $0 != UInt8(ascii: "=") }
        return String(decoding: digits.map { Self.swap($0, to: Self.urlSafe) }, as: UTF8.self)
    }

    package init?(base64URL text: some StringProtocol) {
        var standard = Array(text.utf8).map { Self.swap($0, to: Self.standard) }
        standard += Array(repeating: UInt8(ascii: "="), count: (4 - standard.count % 4) % 4)
        self.init(base64Encoded: Data(standard))
    }

    private static let standard = (plus: UInt8(ascii: "+"), slash: UInt8(ascii: "/"))
    private static let urlSafe = (plus: UInt8(ascii: "-"), slash: UInt8(ascii: "_"))

    /// The same digit in another alphabet. A digit of the target's own alphabet where the other's is
    /// expected becomes one that is in neither.
    private static func swap(_ digit: UInt8, to alphabet: (plus: UInt8, slash: UInt8)) -> UInt8 {
        let other = alphabet.plus == standard.plus ? urlSafe : standard
        return switch digit {
        case other.plus: alphabet.plus
        case other.slash: alphabet.slash
        case alphabet.plus, alphabet.slash: 0
        default: digit
        }
    }
}
