import Broker
import FoundationEssentials

/// A database that makes changes. Each is written once, over this, with PostgreSQL's locks: SQLite has one writer, and
/// passes over them.
protocol WritingStore: ReadingStore {
    /// Makes a change by an operator or the server in a transaction, and returns when it is durable.
    ///
    /// - Parameters:
    ///   - takesLong: whether it writes many rows.
    ///   - body: is run again when it was undone. If it appends no record, it may also be run again after it was
    ///     committed, so it must be idempotent.
    func change<T: Sendable>(
        takesLong: Bool, _ body: @escaping @Sendable (any ManifestedTransaction) throws -> T
    ) async throws -> T
}

extension WritingStore {
    func change<T: Sendable>(_ body: @escaping @Sendable (any ManifestedTransaction) throws -> T) async throws -> T {
        try await change(takesLong: false, body)
    }

    /// A change of rows that decide, after catching up with the manifest.
    func decide<T: Sendable>(_ body: @escaping @Sendable (any ManifestedTransaction) throws -> T) async throws -> T {
        try await catchUp()
        return try await change(body)
    }

    /// Removes rows in portions, so that no transaction takes long.
    ///
    /// - Returns: the number of removed rows.
    func removeInPortions(_ portion: SQLText, _ values: [Value]) async throws -> Int {
        var removed = 0
        while true {
            let count = try await change(takesLong: true) { try $0.execute(portion, values) }
            removed += count
            if count == 0 { return removed }
        }
    }
}

/// A transaction that changes rows.
protocol ManifestedTransaction: ReadingTransaction {
    /// - Parameter table: the table to lock if a row is not free in time: see ``ContendedTable``.
    func rows<Element>(_ read: Read<Element>, alone table: ContendedTable?) throws -> [Element]

    /// - Returns: the number of changed rows.
    @discardableResult
    func execute(_ text: SQLText, _ values: [Value], alone table: ContendedTable?) throws -> Int

    /// Locks a name until the end of the transaction, also when no row has the name yet.
    ///
    /// Workloads and resources share their names.
    func takeTurn(at name: String) throws

    /// Locks a table against changes by other transactions until the end of this one.
    func lock(_ table: String) throws

    var manifest: Manifest? { get }

    /// Entries listed in this transaction that are not in the table yet.
    var pending: [ManifestEntry] { get }

    /// Lists rows' new digests in the manifest, with this transaction.
    func list(_ entries: [ManifestEntry]) throws

    /// Writes lines of the manifest, one for each row.
    func write(_ entries: [ManifestEntry], state: Int64) throws

    /// Lets the program work for as long as a statement may take, between two statements of this transaction. If this
    /// process is lost then, its locks block others for as long.
    func allowPauses() throws

    /// Appends a record to the trail, with this transaction.
    func append(_ record: AuditRecord) throws

    /// Expires sessions and guests of other verifiers. Their rows stay, so that their challenges are not answered
    /// twice.
    ///
    /// - Parameter waits: whether to wait for rows that another transaction has locked, rather than skip them.
    /// - Returns: the ids of the ended sessions.
    func endSessions(
        _ ids: [[UInt8]], at time: Date, barring bar: TokenCutoff, waits: Bool
    ) throws -> [[UInt8]]
}

extension ManifestedTransaction {
    func rows<Element>(_ read: Read<Element>) throws -> [Element] { try rows(read, alone: nil) }

    func first<Element>(_ read: Read<Element>, alone table: ContendedTable?) throws -> Element? {
        try rows(read, alone: table).first
    }

    @discardableResult
    func execute(_ text: SQLText, _ values: [Value]) throws -> Int { try execute(text, values, alone: nil) }

    /// Whether a master key is retired. It is locked against retirement until the end of the transaction.
    func isRetired(_ masterKey: String) throws -> Bool { try first(KeyReads.isRetired(masterKey)) == true }

    /// Whether a policy exists; `nil`, for no policy, always does. It is locked against removal until the end of the
    /// transaction.
    func knows(_ policy: PolicyName?) throws -> Bool {
        guard let policy else { return true }
        let read = Read(
            SQLText("SELECT 1 FROM policies WHERE name = ?1", lock: "FOR KEY SHARE"), [.text(policy.text)]
        ) { _ in true }
        return try first(read) != nil
    }
}
