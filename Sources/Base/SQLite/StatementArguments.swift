/// The values of a statement's parameters (`?`), by position. Their number must be that of the parameters.
public struct StatementArguments: Sendable, ExpressibleByArrayLiteral {
    let values: [DatabaseValue]

    public init(_ values: some Sequence<DatabaseValue>) { self.values = Array(values) }

    public init(arrayLiteral elements: any DatabaseValueConvertible...) { values = elements.map(\.databaseValue) }
}
