/// Values for a statement's parameters (`?`), by position.
///
/// Each parameter needs one value and each value a parameter; otherwise the statement is not run.
public struct StatementArguments: Sendable, ExpressibleByArrayLiteral {
    let values: [DatabaseValue]

    public init(_ values: some Sequence<DatabaseValue>) { self.values = Array(values) }

    public init(arrayLiteral elements: any DatabaseValueConvertible...) { values = elements.map(\.databaseValue) }
}
