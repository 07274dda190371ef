import CLibPQ

/// A statement's result. It is immutable, so that threads may share it.
public final class QueryResult: @unchecked Sendable {
    private let result: OpaquePointer

    /// - Parameter result: owned by this object.
    init(_ result: OpaquePointer) { self.result = result }

    deinit { PQclear(result) }

    public var rows: [ResultRow] { (0..<Int(PQntuples(result))).map { ResultRow(result: self, index: Int32($0)) } }

    public var first: ResultRow? { PQntuples(result) > 0 ? ResultRow(result: self, index: 0) : nil }

    /// The number of rows inserted, changed or deleted.
    public var changes: Int { Int(String(cString: PQcmdTuples(result))) ?? 0 }

    /// The command tag, e.g. `COMMIT`.
    public var tag: String { String(cString: PQcmdStatus(result)) }

    /// The bytes of a value; nil for NULL.
    ///
    /// - Parameter types: the allowed type OIDs of the column.
    fileprivate func value<T>(
        _ row: Int32, _ column: Int, _ types: Set<UInt32>, _ body: (UnsafeRawBufferPointer) throws -> T
    ) throws -> T? {
        guard let column = Int32(exactly: column), (0..<PQnfields(result)).contains(column),
            types.contains(PQftype(result, column)), PQfformat(result, column) == 1
        else { throw MalformedResult(description: "column \(column) of the database's result has another type") }
        guard PQgetisnull(result, row, column) == 0 else { return nil }
        return try body(
            UnsafeRawBufferPointer(start: PQgetvalue(result, row, column), count: Int(PQgetlength(result, row, column)))
        )
    }
}

/// One row. Columns count from 0.
public struct ResultRow: Sendable {
    let result: QueryResult
    let index: Int32

    public func bool(_ column: Int) throws -> Bool {
        guard let value = try result.value(index, column, [16], { $0.first == 1 }) else {
            throw MalformedResult(description: "column \(column) of the database's result is NULL")
        }
        return value
    }

    public func optionalText(_ column: Int) throws -> String? {
        try result.value(index, column, [25]) { bytes in
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw MalformedResult(description: "column \(column) of the database's result is not text")
            }
            return text
        }
    }

    public func optionalBytes(_ column: Int) throws -> [UInt8]? { try result.value(index, column, [17]) { Array($0) } }

    public func optionalInteger(_ column: Int) throws -> Int64? {
        try result.value(index, column, [20]) { bytes in
            guard bytes.count == 8 else { throw MalformedResult(description: "a BIGINT has \(bytes.count) bytes") }
            return Int64(bitPattern: bytes.reduce(0) { $0 << 8 | UInt64($1) })
        }
    }
}
