import Bytes

/// A digest, or the name of a set of digests.
public enum Reference: Sendable, Hashable {
    case value([UInt8])
    /// Written `@name`.
    case set(PolicyName)
}

extension Reference: CustomStringConvertible {
    /// Reads ``description``.
    ///
    /// - Throws: a ``Refusal`` that says what to write.
    public init(_ text: some StringProtocol) throws(Refusal) {
        if text.utf8.first == UInt8(ascii: "@") {
            self = .set(try PolicyName(String(text.dropFirst())))
        } else if let value = Hex.decode(text) {
            self = .value(value)
        } else {
            throw Refusal(
                .invalidField,
                "\"\(text.prefix(100))\" is neither hex digits nor the name of reference values, such as @web-2026.1.")
        }
    }

    /// As a policy writes it.
    public var description: String {
        switch self {
        case .value(let value): Hex.encode(value)
        case .set(let name): "@\(name)"
        }
    }
}
