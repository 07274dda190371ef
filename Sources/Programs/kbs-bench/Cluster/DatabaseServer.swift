import Broker
import BrokerSupport
import Glibc
import PostgreSQL
import Storage

/// A PostgreSQL server of the benchmark's own, which writes to the disk as one in earnest does, and what it says of
/// itself.
struct DatabaseServer {
    let cluster: PostgreSQLCluster
    let database: String
    /// Of the postmaster, whose children the others are.
    private let process: ProcessStatistics

    /// What differs from PostgreSQL's defaults: those are for a machine of 1 GiB.
    static let settings = [
        "shared_buffers": "1GB", "max_wal_size": "8GB", "checkpoint_timeout": "15min",
        "shared_preload_libraries": "pg_stat_statements",
        // It costs something, and is on in one run only.
        "pg_stat_statements.track": "none", "pg_stat_statements.track_utility": "on",
    ]

    /// - Parameter changes: to these settings, `name=value`.
    static func start(_ changes: [String] = []) async throws -> DatabaseServer {
        var plan = PostgreSQLCluster.Plan()
        plan.fsync = true
        plan.settings = settings
        for change in changes {
            let parts = change.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { throw ServerProcess.Failure(description: "\(change) is not name=value") }
            plan.settings[parts[0]] = parts[1]
        }
        let cluster = try await PostgreSQLCluster(plan)
        let database = try await cluster.newStoreDatabase()
        try await cluster.sql(
            "CREATE EXTENSION pg_stat_statements; CREATE EXTENSION pg_walinspect; CHECKPOINT", in: database)
        let child = try await cluster.sql(
            "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'", in: database)
        guard let pid = pid_t(child), let parent = ProcessStatistics(pid: pid).parent else {
            throw ServerProcess.Failure(description: "PostgreSQL's process was not found")
        }
        return DatabaseServer(cluster: cluster, database: database, process: ProcessStatistics(pid: parent))
    }

    func remove() async throws { try await cluster.remove() }

    var uri: String { cluster.uri(database) }

    func sql(_ text: String) async throws -> String { try await cluster.sql(text, in: database) }

    /// A store of this process's own, e.g. to sweep with.
    ///
    /// - Parameter manifest: for one that registers workloads.
    func store(_ manifest: Manifest? = nil) async throws -> PostgreSQLStore {
        try await PostgreSQLStore(PostgreSQLConfiguration(uri: uri, timeout: .seconds(60)), manifest: manifest)
    }

    /// In seconds, of all its processes.
    var cpuTime: Double { process.familyCPUTime }

    // MARK: Counters

    /// What PostgreSQL has counted. Connections tell what they did once a second, and at their end.
    struct Counters {
        /// A place in the write-ahead log, e.g. `0/16B3748`.
        var position = ""
        /// Transactions that changed or locked something.
        var transactions = 0
        /// Of the write-ahead log.
        var flushes = 0
        /// Read or written, in the place of one in a page.
        var commits = 0
    }

    func counters() async throws -> Counters {
        let fields = try await sql(
            """
            SELECT pg_current_wal_insert_lsn(), pg_snapshot_xmax(pg_current_snapshot())::text, wal_sync,
                (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()) FROM pg_stat_wal
            """
        ).split(separator: "|")
        guard fields.count == 4, let transactions = Int(fields[1]), let flushes = Int(fields[2]),
            let commits = Int(fields[3])
        else { throw ServerProcess.Failure(description: "PostgreSQL's counters could not be read") }
        return Counters(position: String(fields[0]), transactions: transactions, flushes: flushes, commits: commits)
    }

    /// Bytes of the write-ahead log between two places: of changes, and of whole pages. A page is written whole when
    /// it is changed for the first time after a checkpoint.
    func logged(from start: String, to end: String) async throws -> (changes: Int, pages: Int) {
        let fields = try await sql(
            "SELECT sum(record_size)::bigint, sum(fpi_size)::bigint FROM pg_get_wal_stats('\(start)', '\(end)')"
        ).split(separator: "|")
        guard fields.count == 2, let changes = Int(fields[0]), let pages = Int(fields[1]) else {
            throw ServerProcess.Failure(description: "the write-ahead log could not be read")
        }
        return (changes, pages)
    }

    // MARK: Statements

    /// Has connections that are opened from now on count their statements, or not.
    func countStatements(_ isOn: Bool) async throws {
        _ = try await sql(
            """
            SELECT pg_stat_statements_reset();
            ALTER ROLE \(PostgreSQLCluster.user) SET pg_stat_statements.track = '\(isOn ? "top" : "none")'
            """)
    }

    /// One line for each statement that runs once in ten handshakes or more often.
    func statements(handshakes: Int) async throws -> [String] {
        try await sql(
            """
            SELECT to_char(calls::float8 / \(handshakes), 'FM990.00') || ' × '
                || to_char(mean_exec_time * 1000, 'FM999990') || ' µs: '
                || left(regexp_replace(query, '\\s+', ' ', 'g'), 90)
            FROM pg_stat_statements WHERE calls >= \(handshakes) / 10 ORDER BY total_exec_time DESC
            """
        ).split(separator: "\n").map(String.init)
    }

    // MARK: Sizes

    /// One line for each table: rows, and bytes of each in the table and in its indexes.
    func sizes() async throws -> [String] {
        _ = try await sql("VACUUM ANALYZE")
        return try await sql(
            """
            SELECT '| ' || relname || ' | ' || n::text || ' | '
                || round((pg_table_size(oid) / n)::numeric)::text || ' | '
                || round((pg_indexes_size(oid) / n)::numeric)::text || ' |'
            FROM (SELECT oid, relname, reltuples::float8 AS n FROM pg_class WHERE relkind = 'r' AND relname IN
                ('workloads', 'measurements', 'configs', 'secrets', 'sessions', 'attempts', 'audit')) AS t
            WHERE n > 0 ORDER BY relname
            """
        ).split(separator: "\n").map(String.init)
    }
}
