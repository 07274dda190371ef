/// A statement with its parameters, as it is sent. Encoded where it is made, not by the thread that sends it.
public struct Query: Sendable {
    /// It is prepared once on each connection, so there must be few of them: values belong into parameters.
    public let sql: String
    let types: [UInt32]
    /// One after the other.
    let bytes: [UInt8]
    /// Where each is in `bytes`; `nil` for NULL.
    let places: [Range<Int>?]
    /// What is run once is not worth preparing.
    let isPrepared: Bool

    /// - Parameter isPrepared: `false` for what is run once.
    public init(_ sql: String, parameters: [Parameter], isPrepared: Bool = true) {
        self.sql = sql
        self.isPrepared = isPrepared
        types = parameters.map(\.type)
        var bytes: [UInt8] = []
        places = parameters.map { parameter in
            guard let encoded = parameter.bytes else { return nil }
            let start = bytes.count
            bytes += encoded
            return start..<bytes.count
        }
        self.bytes = bytes
    }
}
