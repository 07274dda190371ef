/// A value for a parameter of a statement, in PostgreSQL's binary format.
enum Value: Sendable {
    /// BIGINT.
    case integer(Int64?)
    case text(String?)
    /// BYTEA.
    case bytes([UInt8]?)
    case integers([Int64])
    case texts([String])
    case blobs([[UInt8]])

    static func integer(_ value: Int) -> Value { .integer(Int64(value)) }

    /// The type's number: `pg_type.dat` in PostgreSQL's sources.
    var type: UInt32 {
        switch self {
        case .integer: 20
        case .text: 25
        case .bytes: 17
        case .integers: 1016
        case .texts: 1009
        case .blobs: 1001
        }
    }

    fileprivate var encoded: [UInt8]? {
        switch self {
        case .integer(let value): value.map { Self.bytes(of: UInt64(bitPattern: $0)) }
        case .text(let text): text.map(Self.bytes(of:))
        case .bytes(let bytes): bytes
        case .integers(let values): Self.array(values.map { Self.bytes(of: UInt64(bitPattern: $0)) }, of: 20)
        case .texts(let texts): Self.array(texts.map(Self.bytes(of:)), of: 25)
        case .blobs(let blobs): Self.array(blobs, of: 17)
        }
    }

    /// PostgreSQL's text has no U+0000. What holds one is stored with U+FFFD in its place, which is also what it is
    /// then found by. No id, name or record holds either.
    private static func bytes(of text: String) -> [UInt8] {
        text.utf8.contains(0) ? Array(text.replacing("\0", with: "\u{FFFD}").utf8) : Array(text.utf8)
    }

    private static func bytes(of number: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }

    /// One dimension from 1, without nulls.
    private static func array(_ elements: [[UInt8]], of type: UInt32) -> [UInt8] {
        let head: [UInt32] = elements.isEmpty ? [0, 0, type] : [1, 0, type, UInt32(clamping: elements.count), 1]
        var bytes = head.flatMap { Self.bytes(of: $0) }
        for element in elements { bytes += Self.bytes(of: UInt32(clamping: element.count)) + element }
        return bytes
    }
}

/// A statement with its parameters, as it is sent. Encoded where it is made, not by the thread that sends it.
struct Query: Sendable {
    /// It is prepared once on each connection, so there must be few of them: values belong into parameters.
    let sql: String
    let types: [UInt32]
    /// One after the other.
    let bytes: [UInt8]
    /// Where each is in `bytes`; `nil` for NULL.
    let places: [Range<Int>?]
    /// Whether it is sent as it is: what is run once is not worth preparing.
    let isPrepared: Bool

    init(_ sql: String, _ values: [Value] = [], isPrepared: Bool = true) {
        self.sql = sql
        self.isPrepared = isPrepared
        types = values.map(\.type)
        var bytes: [UInt8] = []
        places = values.map { value in
            guard let encoded = value.encoded else { return nil }
            let start = bytes.count
            bytes += encoded
            return start..<bytes.count
        }
        self.bytes = bytes
    }
}
