/// Values for a statement's parameters: by position (`?`) or by name (`:name`), not both.
///
/// Each parameter needs one value and each value a parameter; otherwise the statement is not run.
public struct StatementArguments: Sendable, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral {
    var values: [DatabaseValue] = []
    var named: [(name: String, value: DatabaseValue)] = []

    public init() {}

    public init(_ values: some Sequence<DatabaseValue>) { self.values = Array(values) }

    public init(arrayLiteral elements: any DatabaseValueConvertible...) { values = elements.map(\.databaseValue) }

    public init(dictionaryLiteral elements: (String, any DatabaseValueConvertible)...) {
        named = elements.map { ($0.0, $0.1.databaseValue) }
    }

    public static func + (left: StatementArguments, right: StatementArguments) -> StatementArguments {
        var sum = left
        sum.values += right.values
        sum.named += right.named
        return sum
    }

    public static func += (left: inout StatementArguments, right: StatementArguments) { left = left + right }
}
