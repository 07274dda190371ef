import Concurrency
public import FoundationEssentials
public import PostgreSQL

/// The source or target of a copy.
public enum CopyPlace: Sendable, CustomStringConvertible {
    /// A database file that no other process uses.
    case sqlite(URL)
    case postgreSQL(PostgreSQLConfiguration)

    public var description: String {
        switch self {
        case .sqlite(let file): file.path(percentEncoded: false)
        case .postgreSQL(let configuration): configuration.description
        }
    }
}

/// Copies a broker's database into another, empty one, of either kind.
///
/// Rows are copied unchanged: ids, sealed secrets and the trail's hashes stay the same, so the same master key opens
/// them, and the same checkpoints hold.
public enum StorageCopy {
    public struct Outcome: Sendable, Hashable {
        public let tables: [TableDigest]
    }

    /// Why a copy was not made, or must not be used.
    public struct Failure: Error, Sendable, Hashable, CustomStringConvertible {
        public let description: String
    }

    /// Copies in one transaction at either end, then reads the copy again and compares it.
    ///
    /// - Parameters:
    ///   - isSnapshot: whether servers may be using a PostgreSQL source; their later changes are not copied.
    ///   - report: receives the name of each table as it begins.
    /// - Throws: ``Failure``; the target is then still empty, unless the comparison failed.
    public static func run(
        from source: CopyPlace, to target: CopyPlace, isSnapshot: Bool = false,
        reporting report: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws -> Outcome {
        try await BlockingThread.run("kbs.copy") {
            let reader = try open(source, isTarget: false)
            defer { reader.close() }
            let writer = try open(target, isTarget: true)
            defer { writer.close() }
            try reader.beginReading(isSnapshot: isSnapshot)
            try writer.beginWriting()
            for table in CopiedTable.all where try writer.lastNumberOrCount(table) > 0 {
                throw Failure(
                    description: "\(target) is not empty: the table \(table.name) has rows. Name an empty database.")
            }
            var tables: [TableDigest] = []
            for table in CopiedTable.all {
                report(table.name)
                tables.append(try copy(table, reader, writer))
            }
            try reader.finishReading()
            try writer.finishWriting()
            try verify(tables, at: target)
            return Outcome(tables: tables)
        }
    }

    private static func copy(_ table: CopiedTable, _ reader: any CopyEnd, _ writer: any CopyEnd) throws -> TableDigest {
        var hasher = TableHasher(table)
        var portion: [[CopiedValue]] = []
        try reader.forEachRow(of: table) { row in
            hasher.add(row)
            portion.append(row)
            guard portion.count == table.portion else { return }
            try writer.insert(portion, into: table)
            portion = []
        }
        try writer.insert(portion, into: table)
        if table.isNumbered { try writer.setLastNumber(try reader.lastNumber(table), of: table) }
        return hasher.finish()
    }

    private static func verify(_ expected: [TableDigest], at place: CopyPlace) throws {
        let reader = try open(place, isTarget: false)
        defer { reader.close() }
        try reader.beginReading(isSnapshot: true)
        for (table, expected) in zip(CopiedTable.all, expected) {
            var hasher = TableHasher(table)
            try reader.forEachRow(of: table) { hasher.add($0) }
            let found = hasher.finish()
            guard found == expected else {
                throw Failure(
                    description: "the copy differs from its source: the table \(table.name) has \(found.rows) of "
                        + "\(expected.rows) rows, or other contents. Do not use it: drop it, and check the disks")
            }
        }
    }

    private static func open(_ place: CopyPlace, isTarget: Bool) throws -> any CopyEnd {
        switch place {
        case .sqlite(let file): try SQLiteCopyEnd(file)
        case .postgreSQL(let configuration): try PostgreSQLCopyEnd(configuration, isTarget: isTarget)
        }
    }
}

/// One end of a copy. Its calls block; one thread uses it.
protocol CopyEnd {
    /// Begins reading: all reads see the database as it is at this moment.
    func beginReading(isSnapshot: Bool) throws
    /// - Throws: when servers may have changed the source during the copy, unless it is a snapshot.
    func finishReading() throws
    func beginWriting() throws
    func finishWriting() throws
    func forEachRow(of table: CopiedTable, _ body: ([CopiedValue]) throws -> Void) throws
    func insert(_ rows: [[CopiedValue]], into table: CopiedTable) throws
    /// The highest number ever given to a row; 0 before the first.
    func lastNumber(_ table: CopiedTable) throws -> Int64
    func setLastNumber(_ number: Int64, of table: CopiedTable) throws
    func count(_ table: CopiedTable) throws -> Int64
    func close()
}

extension CopyEnd {
    /// A table that had rows does not count as empty: challenges may name their numbers.
    fileprivate func lastNumberOrCount(_ table: CopiedTable) throws -> Int64 {
        let count = try count(table)
        return count > 0 || !table.isNumbered ? count : try lastNumber(table)
    }
}
