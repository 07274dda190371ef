import Broker
import Bytes
import Concurrency
import FoundationEssentials

/// Policies as they were read from their columns lately. Each release asks for one, and to read it takes longer than to
/// decide on it.
public final class KnownRules: Sendable {
    private let known = BoundedCache<ExactText, Policy>(capacity: 64)

    func policy(_ json: String) throws -> Policy {
        // One that is much longer would take the room of many.
        guard json.utf8.count <= 16_384 else { return try Policy(json: json) }
        let key = ExactText(json)
        if let policy = known[key] { return policy }
        let policy = try Policy(json: json)
        known[key] = policy
        return policy
    }
}

/// How reference values are kept in columns, in any database.
extension ReferenceValueSet {
    init(_ columns: ReferenceColumns) throws {
        guard let kind = Kind(rawValue: columns.kind),
            let (values, isSingle) = Self.values(column: columns.digests, kind: kind),
            let periods = Self.periods(column: columns.periods, count: values.count)
        else { throw UnexpectedAnswer(description: "the reference values \(columns.name) cannot be read") }
        try self.init(
            name: try PolicyName(columns.name), kind: kind, values: zip(values, periods).map { ReferenceValue($0, $1) },
            source: columns.source, supersededBy: try columns.supersededBy.map { try PolicyName($0) },
            isSingle: isSingle)
    }
}
