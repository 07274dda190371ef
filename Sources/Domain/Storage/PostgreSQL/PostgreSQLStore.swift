public import Broker
import Concurrency
public import PostgreSQL

/// A store in a PostgreSQL database (15 or later), shared by any number of servers.
///
/// Each server has a few connections, each with a thread: see ``Lookups`` and ``WriteThread``. A request that the
/// database does not answer in time is refused as ``Refusal/Code/unavailable``.
public final class PostgreSQLStore: Sendable {
    public let configuration: PostgreSQLConfiguration
    private let signals = StoreSignals()
    private let deadlines = Deadlines()
    private let lookups: Lookups
    private let scans: Lookups
    private let guests: WriteThread<PipelinedWrite>
    private let changes: WriteThread<TransactionalWrite>
    /// For writes to many rows, which must not delay the others.
    private let sweeps: WriteThread<TransactionalWrite>
    private let scanTimeout: Duration
    public let rules = PolicyCache()
    public let manifest: Manifest?

    /// Connects, and creates the schema if the database has none.
    ///
    /// - Parameters:
    ///   - manifest: the manifest that rows which decide are compared with. Without it such rows are neither read nor
    ///     written.
    ///   - migrates: whether to migrate the schema of an earlier version. Servers of that version may be using it.
    /// - Throws: ``OtherSchema`` when the schema is of a later version, or of an earlier one and `migrates` is false;
    ///   ``PostgreSQLUnusable`` when no connection is made within the configuration's timeout, or the server's version
    ///   or encoding is not supported; ``PostgreSQLError``, e.g. without the right to create tables.
    public init(
        _ configuration: PostgreSQLConfiguration, manifest: Manifest? = nil, migrates: Bool = true
    ) async throws {
        try await BlockingThread.run("kbs.open") { try Self.prepare(configuration, migrates: migrates) }
        self.configuration = configuration
        self.manifest = manifest
        // For reads of many rows, for an operator who can wait.
        scanTimeout = max(configuration.timeout, .seconds(60))
        lookups = try Lookups(
            configuration, connections: max(configuration.connections, Self.fewestConnections) - 4,
            timeout: configuration.timeout, scansTables: false, signals, deadlines)
        scans = try Lookups(
            configuration, connections: 1, timeout: scanTimeout, scansTables: true, signals, deadlines)
        guests = try WriteThread(
            "kbs.writes.guests", configuration, statement: configuration.timeout, signals, deadlines)
        changes = try WriteThread("kbs.writes", configuration, statement: configuration.timeout, signals, deadlines)
        sweeps = try WriteThread("kbs.writes.sweeps", configuration, statement: scanTimeout, signals, deadlines)
    }

    /// One for sessions and releases, one for other writes, two for scans (reads and writes of many rows), and at least
    /// one for lookups.
    public static let fewestConnections = 5

    /// Stops the threads without waiting for them.
    deinit {
        signals.close()
        lookups.stop()
        scans.stop()
        guests.stop()
        changes.stop()
        sweeps.stop()
    }

    /// Finishes the reads and writes under way and closes the connections.
    public func close() async {
        signals.close()
        await guests.close()
        await changes.close()
        await sweeps.close()
        await lookups.close()
        await scans.close()
    }

    private static func prepare(_ configuration: PostgreSQLConfiguration, migrates: Bool) throws {
        let limits = Connection.Limits(statement: configuration.timeout, scansTables: true)
        let deadline = ContinuousClock.now + configuration.timeout
        while true {
            do {
                let connection = try Connection(configuration, limits)
                return try PostgreSQLSchema.prepare(
                    connection, migrates: migrates, timeout: configuration.timeout)
            } catch let error as ConnectionBroken {
                guard ContinuousClock.now < deadline else {
                    throw PostgreSQLUnusable(
                        description: "The database \(configuration) cannot be used: \(error.description)")
                }
                BlockingThread.sleep(for: .seconds(Double.random(in: 0.1...0.3)))
            }
        }
    }

    // MARK: Reading

    /// A read by key, or of a few rows by an index.
    ///
    /// - Parameter isLarge: whether the answer may have megabytes.
    func lookUp(_ sql: String, _ values: [Value] = [], isLarge: Bool = false) async throws -> QueryResult {
        try await lookups.run(Query(sql, values), isLarge: isLarge)
    }

    /// A read of many rows.
    func scan(_ sql: String, _ values: [Value] = []) async throws -> QueryResult {
        try await scans.run(Query(sql, values))
    }

    // MARK: Writing

    /// A guest's write: see ``PipelinedWrite``.
    ///
    /// - Parameter denyListState: the state of the manifest since which no denial may have changed; `nil` for any.
    /// - Returns: whether it changed something.
    func write(
        _ query: Query?, orderedBy order: [UInt8] = [], recording records: [AuditRecord],
        ifDenialsAreOf denyListState: Int64? = nil
    ) async throws -> Bool {
        let records = records.map(\.canonical)
        return try await traced("kbs.store.write") { _ in
            try await withCheckedThrowingContinuation { continuation in
                let request = Request(continuation, deadline: .now + configuration.timeout)
                guests.add(
                    PipelinedWrite(
                        query: query, records: records, order: order, denyListState: denyListState, answer: request))
            }
        }
    }

    /// Any other write: see ``TransactionalWrite``.
    func transact<T: Sendable>(
        takesLong: Bool = false, _ body: @escaping @Sendable (Transaction) throws -> T
    ) async throws -> T {
        try await traced("kbs.store.write") { _ in
            try await withCheckedThrowingContinuation { continuation in
                let request = Request<T>(
                    continuation, deadline: .now + (takesLong ? scanTimeout : configuration.timeout))
                (takesLong ? sweeps : changes).add(
                    TransactionalWrite(
                        manifest: manifest,
                        body: { transaction in
                            let value = try body(transaction)
                            return { request.finish(.success(value)) }
                        }, request: request))
            }
        }
    }

    // MARK: Watching

    public var writtenHead: AuditHead? {
        [guests.writtenHead, changes.writtenHead, sweeps.writtenHead].compactMap(\.self)
            .max { $0.sequence < $1.sequence }
    }

    /// The number of writes that wait for the transactions under way.
    public var waitingWrites: Int { guests.waiting + changes.waiting + sweeps.waiting }

    /// Calls `observer` after each transaction, on a writer's thread. Only the latest observer is called.
    public func observeCommits(_ observer: @escaping @Sendable (CommittedBatch) -> Void) {
        guests.observe(observer)
        changes.observe(observer)
        sweeps.observe(observer)
    }

    /// The number of open connections. A lost one counts until it is used next.
    public var openConnections: Int { signals.openConnections }

    /// Calls `observer` when connections are made and lost, on any thread. Only the latest observer is called.
    public func observeConnections(_ observer: @escaping @Sendable (ConnectionEvent) -> Void) {
        signals.observe(observer)
    }
}

extension PostgreSQLStore: WritingStore {
    func change<T: Sendable>(
        takesLong: Bool, _ body: @escaping @Sendable (any ManifestedTransaction) throws -> T
    ) async throws -> T {
        try await transact(takesLong: takesLong) { try body($0) }
    }

    /// Runs any SQL: for tests of attacks by someone with the database.
    package func tamper(_ sql: String) async throws { try await transact { _ = try $0.run(sql) } }

    /// Lists workloads in the manifest whose rows a benchmark has written by itself.
    package func list(_ workloads: [Workload]) async throws {
        try await transact(takesLong: true) { $0.list(workloads.map { ManifestEntry($0) }) }
    }
}
