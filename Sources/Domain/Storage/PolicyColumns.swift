import Broker
import Bytes
import Concurrency
import FoundationEssentials

/// A cache of parsed policies. Each release reads one, and parsing it takes longer than evaluating it.
public final class PolicyCache: Sendable {
    private let known = BoundedCache<ExactText, Policy>(capacity: 64)

    func policy(_ json: String) throws -> Policy {
        // A much longer policy would take the room of many: it is not cached.
        guard json.utf8.count <= 16_384 else { return try Policy(json: json) }
        let key = ExactText(json)
        if let policy = known[key] { return policy }
        let policy = try Policy(json: json)
        known[key] = policy
        return policy
    }
}

/// The columns of reference values, in both databases.
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
