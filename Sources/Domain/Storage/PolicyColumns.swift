import Broker
import FoundationEssentials

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
    /// - Parameter digests: one after the other.
    init(name: String, kind: String, digests: [UInt8], source: String, expires: Int64?) throws {
        guard let kind = Kind(rawValue: kind), digests.count.isMultiple(of: kind.length) else {
            throw UnexpectedAnswer(description: "the reference values \(name) cannot be read")
        }
        let values = stride(from: 0, to: digests.count, by: kind.length).map {
            Array(digests[$0..<$0 + kind.length])
        }
        try self.init(
            name: try PolicyName(name), kind: kind, values: values, source: source,
            expires: expires.map { Date(seconds: $0) })
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
