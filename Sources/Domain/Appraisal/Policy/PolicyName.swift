/// The name of a policy or of a set of reference values: 1–64 characters of `A–Z a–z 0–9 . _ -`, the first a letter or
/// digit.
public struct PolicyName: Sendable, Hashable, Comparable, CustomStringConvertible {
    public let text: String

    /// - Throws: a ``Refusal`` that says what is wrong with it.
    public init(_ text: String) throws(Refusal) {
        guard (1...64).contains(text.utf8.count), text.utf8.first?.isLetterOrDigit == true,
            text.utf8.allSatisfy({ $0.isLetterOrDigit || "._-".utf8.contains($0) })
        else {
            throw Refusal(
                .invalidField,
                "\"\(text.prefix(64))\" cannot be a name: it must have 1 to 64 characters of A-Z a-z 0-9 . _ - and begin "
                    + "with a letter or digit.")
        }
        self.text = text
    }

    public var description: String { text }

    public static func < (a: PolicyName, b: PolicyName) -> Bool { a.text < b.text }
}

extension PolicyName: Codable {
    public init(from decoder: any Decoder) throws {
        try self.init(try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

extension UInt8 {
    /// Whether it is one of `A–Z a–z 0–9` in ASCII.
    @inlinable package var isLetterOrDigit: Bool {
        switch self {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
