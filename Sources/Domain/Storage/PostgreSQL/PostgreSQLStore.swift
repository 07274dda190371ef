public import Broker
import Concurrency
public import PostgreSQL

/// Everything in a PostgreSQL database (15 or later) that any number of servers share.
///
/// Each server has a few connections, and each connection a thread: see ``Lookups`` and ``WriteThread``. A request
/// that the database does not answer in time is refused as ``Refusal/Code/unavailable``.
public final class PostgreSQLStore: Sendable {
    public let configuration: PostgreSQLConfiguration
    private let signals = StoreSignals()
    private let deadlines = Deadlines()
    private let lookups: Lookups
    private let scans: Lookups
    private let guests: WriteThread<PipelinedWrite>
    private let changes: WriteThread<TransactionalWrite>
    /// What goes through many rows, for which nobody else is to wait.
    private let sweeps: WriteThread<TransactionalWrite>
    private let scanTimeout: Duration
    public let rules = KnownRules()
    public let manifest: Manifest?

    /// Connects, and makes the schema if the database has none.
    ///
    /// - Parameters:
    ///   - manifest: what rows that decide are held to. Without it none of them is read or written.
    ///   - migrates: whether the schema of an earlier version is brought up to date. Servers of that version may be at
    ///     work on it.
    /// - Throws: ``OtherSchema`` when it is of a later version, or of an earlier one that is to stay;
    ///   ``PostgreSQLUnusable`` when there is no connection within the configuration's timeout, or another version or
    ///   encoding at its end; ``PostgreSQLError``, e.g. when there is no right to make tables.
    public init(
        _ configuration: PostgreSQLConfiguration, manifest: Manifest? = nil, migrates: Bool = true
    ) async throws {
        try await BlockingThread.run("kbs.open") { try Self.prepare(configuration, migrates: migrates) }
        self.configuration = configuration
        self.manifest = manifest
        // Through many rows, for an operator who can wait.
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

    /// One for sessions and releases, one for other writes, two for what goes through many rows, to read and to write, and one
    /// for lookups, which get whatever there are more.
    public static let fewestConnections = 5

    /// Whoever has not closed it has nothing to wait for.
    deinit {
        signals.close()
        lookups.stop()
        scans.stop()
        guests.stop()
        changes.stop()
        sweeps.stop()
    }

    /// Waits for what was begun, and closes the connections.
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

    /// By key, or a few rows by an index.
    ///
    /// - Parameter isLarge: whether the answer may have megabytes.
    func lookUp(_ sql: String, _ values: [Value] = [], isLarge: Bool = false) async throws -> QueryResult {
        try await lookups.run(Query(sql, values), isLarge: isLarge)
    }

    /// Through many rows.
    func scan(_ sql: String, _ values: [Value] = []) async throws -> QueryResult {
        try await scans.run(Query(sql, values))
    }

    // MARK: Writing

    /// What guests do. See ``PipelinedWrite``.
    ///
    /// - Returns: whether it did something.
    func write(_ query: Query?, orderedBy order: [UInt8] = [], recording records: [AuditRecord]) async throws -> Bool {
        let records = records.map(\.canonical)
        return try await traced("kbs.store.write") { _ in
            try await withCheckedThrowingContinuation { continuation in
                let request = Request(continuation, deadline: .now + configuration.timeout)
                guests.add(PipelinedWrite(query: query, records: records, order: order, answer: request))
            }
        }
    }

    /// Everything else. See ``TransactionalWrite``.
    ///
    /// - Parameters:
    ///   - takesLong: whether it goes through many rows.
    ///   - body: is run again when it was undone, and must be good to be done twice if it adds no record.
    func change<T: Sendable>(
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

    /// A change of rows that decide.
    func decide<T: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> T) async throws -> T {
        try await catchUp()
        return try await change(body)
    }

    // MARK: Watching

    public var writtenHead: AuditHead? {
        [guests.writtenHead, changes.writtenHead, sweeps.writtenHead].compactMap(\.self)
            .max { $0.sequence < $1.sequence }
    }

    /// How many writes wait for the transactions under way.
    public var waitingWrites: Int { guests.waiting + changes.waiting + sweeps.waiting }

    /// Has every transaction told to `observer`, on the thread that writes. The last one who asks is told.
    public func observeCommits(_ observer: @escaping @Sendable (CommittedBatch) -> Void) {
        guests.observe(observer)
        changes.observe(observer)
        sweeps.observe(observer)
    }

    /// How many connections there are. One that is lost while nobody uses it counts until somebody does.
    public var openConnections: Int { signals.openConnections }

    /// Has it told when connections are made and lost, on any thread. The last one who asks is told.
    public func observeConnections(_ observer: @escaping @Sendable (ConnectionEvent) -> Void) {
        signals.observe(observer)
    }
}

extension PostgreSQLStore {
    /// Runs SQL that the store itself never would: for tests of what a thief with the database can do.
    package func tamper(_ sql: String) async throws { try await change { _ = try $0.run(sql) } }

    /// Has the manifest list workloads whose rows a benchmark has written past the store.
    package func list(_ workloads: [Workload]) async throws {
        try await change(takesLong: true) { $0.list(workloads.map { ManifestEntry($0) }) }
    }
}
