import Broker
import Bytes
import Concurrency
import FoundationEssentials

/// Policies as they were read from their columns lately. Each release asks for one, and to read it takes longer than to
/// decide on it.
final class KnownRules: Sendable {
    private let known = BoundedCache<ExactText, ResourcePolicy>(capacity: 64)

    func policy(_ json: String) throws -> ResourcePolicy {
        // One that is much longer would take the room of many.
        guard json.utf8.count <= 16_384 else { return try ResourcePolicy(rules: json) }
        let key = ExactText(json)
        if let policy = known[key] { return policy }
        let policy = try ResourcePolicy(rules: json)
        known[key] = policy
        return policy
    }
}

/// How policies and reference values are kept in columns, in any database.
extension ResourcePolicy {
    init(rules json: String) throws {
        self = try JSONDecoder().decode(ResourcePolicy.self, from: Data(json.utf8))
    }

    var rulesColumn: String {
        get throws { String(decoding: try JSONEncoder().encode(self), as: UTF8.self) }
    }
}

extension ReferenceValueSet {
    /// - Parameter digests: ``ReferenceValueSet/valuesColumn``.
    init(name: String, kind: String, digests: [UInt8], source: String, expires: Int64?) throws {
        guard let kind = Kind(rawValue: kind), let column = Self.values(column: digests, kind: kind) else {
            throw UnexpectedAnswer(description: "the reference values \(name) cannot be read")
        }
        try self.init(
            name: try PolicyName(name), kind: kind, values: column.values, source: source,
            expires: expires.map { Date(seconds: $0) }, isSingle: column.isSingle)
    }
}

extension Revision {
    /// Takes the next number. It is kept in a row, not counted by the database's own means: so it is copied with the
    /// rest, and no database of either kind gives a number again that one before it gave.
    static let next = """
        INSERT INTO revisions (one, last) VALUES (1, 1)
        ON CONFLICT (one) DO UPDATE SET last = revisions.last + 1 RETURNING last
        """
}
