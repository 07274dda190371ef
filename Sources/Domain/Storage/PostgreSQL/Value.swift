import PostgreSQL

/// A value for a parameter of a statement, of either database. No id, name or record holds U+0000, which PostgreSQL's
/// text has not.
enum Value: Sendable {
    case integer(Int64?)
    case text(String?)
    case bytes([UInt8]?)
    // PostgreSQL's alone.
    case integers([Int64])
    case texts([String])
    case blobs([[UInt8]])

    static func integer(_ value: Int) -> Value { .integer(Int64(value)) }

    fileprivate var parameter: Parameter {
        switch self {
        case .integer(let value): .bigint(value)
        case .text(let text): .text(text)
        case .bytes(let bytes): .bytea(bytes)
        case .integers(let values): .bigints(values)
        case .texts(let texts): .texts(texts)
        case .blobs(let blobs): .byteas(blobs)
        }
    }
}

extension Query {
    init(_ sql: String, _ values: [Value] = [], isPrepared: Bool = true) {
        self.init(sql, parameters: values.map(\.parameter), isPrepared: isPrepared)
    }
}

extension ResultRow: StoredRow {}
