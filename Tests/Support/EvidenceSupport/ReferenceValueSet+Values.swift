public import Appraisal
public import FoundationEssentials

extension ReferenceValueSet {
    /// - Parameter expires: the end of all values' validity.
    public init(
        name: PolicyName, kind: Kind, values: [[UInt8]], source: String, expires: Date?, isSingle: Bool = false
    ) throws(Refusal) {
        let period = ValidityPeriod(expires: expires)
        try self.init(
            name: name, kind: kind, values: values.map { ReferenceValue($0, period) }, source: source,
            isSingle: isSingle)
    }

    /// - Parameter texts: the values' texts: digests in hex.
    public init(
        name: PolicyName, kind: Kind, texts: [String], source: String, expires: Date?, isSingle: Bool = false
    ) throws(Refusal) {
        let values = try texts.map { text throws(Refusal) in try kind.bytes(text) }
        try self.init(name: name, kind: kind, values: values, source: source, expires: expires, isSingle: isSingle)
    }
}
