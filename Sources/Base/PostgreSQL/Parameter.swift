/// A parameter's value, in PostgreSQL's binary format.
public struct Parameter: Sendable {
    /// The type's OID. Source: `pg_type.dat` in PostgreSQL's sources.
    let type: UInt32
    /// nil for NULL.
    let bytes: [UInt8]?

    public static func bigint(_ value: Int64?) -> Parameter {
        Parameter(type: 20, bytes: value.map { Self.bytes(of: $0) })
    }

    public static func text(_ text: String?) -> Parameter { Parameter(type: 25, bytes: text.map(Self.bytes(of:))) }

    public static func bytea(_ bytes: [UInt8]?) -> Parameter { Parameter(type: 17, bytes: bytes) }

    public static func bigints(_ values: [Int64]) -> Parameter {
        Parameter(type: 1016, bytes: array(values.map { Self.bytes(of: $0) }, of: 20))
    }

    public static func texts(_ texts: [String]) -> Parameter {
        Parameter(type: 1009, bytes: array(texts.map(Self.bytes(of:)), of: 25))
    }

    public static func byteas(_ values: [[UInt8]]) -> Parameter { Parameter(type: 1001, bytes: array(values, of: 17)) }

    /// PostgreSQL's text cannot hold U+0000, which is replaced by U+FFFD, consistently for storing and searching.
    private static func bytes(of text: String) -> [UInt8] {
        text.utf8.contains(0) ? Array(text.replacing("\0", with: "\u{FFFD}").utf8) : Array(text.utf8)
    }

    private static func bytes(of number: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }

    /// An array of one dimension from 1, without NULLs.
    private static func array(_ elements: [[UInt8]], of type: UInt32) -> [UInt8] {
        let head: [UInt32] = elements.isEmpty ? [0, 0, type] : [1, 0, type, UInt32(clamping: elements.count), 1]
        var bytes = head.flatMap { Self.bytes(of: $0) }
        for element in elements { bytes += Self.bytes(of: UInt32(clamping: element.count)) + element }
        return bytes
    }
}
