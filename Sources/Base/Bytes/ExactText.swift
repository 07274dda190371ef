/// Text that is compared, ordered and hashed by its UTF-8 bytes: names and values of init data, roles, names in
/// certificates, issuers, key ids, members of JSON, keys of TOML.
///
/// `String` compares by canonical equivalence (UAX #15): U+212A KELVIN SIGN equals `K`, U+037E equals `;`, U+1FEF equals a
/// backtick, and an accented letter is equal in one character or two. Other programs distinguish these, as digests do.
public struct ExactText: Sendable, Hashable, Comparable {
    public let text: String

    @inlinable
    public init(_ text: some StringProtocol) { self.text = String(text) }

    @inlinable
    public static func == (a: ExactText, b: ExactText) -> Bool {
        let first = a.text.utf8.span
        let second = b.text.utf8.span
        guard first.count == second.count else { return false }
        for index in first.indices where first[index] != second[index] { return false }
        return true
    }

    @inlinable
    public static func < (a: ExactText, b: ExactText) -> Bool {
        let first = a.text.utf8.span
        let second = b.text.utf8.span
        for index in 0..<min(first.count, second.count) where first[index] != second[index] {
            return first[index] < second[index]
        }
        return first.count < second.count
    }

    @inlinable
    public func hash(into hasher: inout Hasher) {
        let isHashed: Void? = text.utf8.withContiguousStorageIfAvailable { hasher.combine(bytes: .init($0)) }
        if isHashed == nil { for byte in text.utf8 { hasher.combine(byte) } }
        // A terminator: the byte does not occur in UTF-8.
        hasher.combine(UInt8(0xFF))
    }

    public var isEmpty: Bool { text.isEmpty }

    @inlinable
    public func hasPrefix(_ prefix: ExactText) -> Bool { text.utf8.starts(with: prefix.text.utf8) }
}

extension ExactText: ExpressibleByStringInterpolation, CustomStringConvertible {
    @inlinable
    public init(stringLiteral text: String) { self.text = text }

    public var description: String { text }
}

extension ExactText: Codable, CodingKeyRepresentable {
    public init(from decoder: any Decoder) throws { self.init(try decoder.singleValueContainer().decode(String.self)) }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }

    public init?(codingKey: some CodingKey) { self.init(codingKey.stringValue) }

    public var codingKey: any CodingKey { Key(stringValue: text) }

    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}

extension RawRepresentable where RawValue == String {
    /// The case whose raw value has the same bytes.
    @inlinable
    public init?(exactly text: ExactText) {
        self.init(rawValue: text.text)
        guard ExactText(rawValue) == text else { return nil }
    }

    @inlinable
    public init?(exactly text: some StringProtocol) { self.init(exactly: ExactText(text)) }
}
