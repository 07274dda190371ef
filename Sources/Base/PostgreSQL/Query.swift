/// A statement with its encoded parameters. They are encoded by its maker, not by the thread that sends it.
public struct Query: Sendable {
    /// The text, which each connection prepares once: values belong into parameters.
    public let sql: String
    let types: [UInt32]
    /// The parameters' values, concatenated.
    let bytes: [UInt8]
    /// The range of each value in `bytes`; nil for NULL.
    let places: [Range<Int>?]
    let isPrepared: Bool

    /// - Parameter isPrepared: false for a statement that is run once.
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
