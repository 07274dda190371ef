public import Broker
public import Bytes

/// A request's query with known names only.
public struct Query: Sendable {
    private var values: [ExactText: String] = [:]

    public init() {}

    /// - Throws: a ``Refusal`` for an unknown name, or one that occurs twice.
    public init(_ uri: URI, knowing known: some Sequence<ExactText>) throws(Refusal) {
        let known = Set(known)
        for (name, value) in uri.queryParameters {
            guard known.contains(ExactText(name)) else {
                throw Refusal(.malformed, "The parameter \"\(name.prefix(40))\" is unknown here.")
            }
            guard values.updateValue(value, forKey: ExactText(name)) == nil else {
                throw Refusal(.malformed, "The parameter \(name) comes twice.")
            }
        }
    }

    public subscript(name: ExactText) -> String? { values[name] }

    public func number(_ name: ExactText) throws(Refusal) -> Int64? {
        guard let text = values[name] else { return nil }
        guard let number = Int64(text), number >= 0 else {
            throw Refusal(.invalidField, "\(name) must be a whole number that is not negative.")
        }
        return number
    }

    /// The page size: 1 to 1,000, default 100.
    public func limit() throws(Refusal) -> Int {
        guard let text = values["limit"] else { return 100 }
        guard let limit = Int(text), (1...1_000).contains(limit) else {
            throw Refusal(.invalidField, "limit must be a number from 1 to 1000.")
        }
        return limit
    }
}
