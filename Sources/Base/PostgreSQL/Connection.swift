import CLibPQ
import Glibc

/// A connection, for the thread that owns it.
///
/// It is in libpq's pipeline mode: several statements are sent at once, and their answers are received in order.
public final class Connection {
    /// A statement's answer.
    public enum Answer {
        case result(QueryResult)
        case error(PostgreSQLError)
        /// Not run, as an earlier statement failed.
        case skipped
    }

    private let handle: OpaquePointer
    /// The names of prepared statements, by text.
    private var names: [String: String] = [:]

    /// Connects, within the configuration's `connect_timeout` for each host.
    ///
    /// - Parameter application: the connection's name in `pg_stat_activity`.
    /// - Throws: ``ConnectionBroken`` when no host is available, ``PostgreSQLUnusable`` for an unsuitable database.
    public init(_ configuration: PostgreSQLConfiguration, _ limits: Limits, application: String) throws {
        let parameters = try configuration.parameters(application: application)
        let handle = Self.withStrings(parameters.map(\.keyword)) { keywords in
            Self.withStrings(parameters.map(\.value)) { values in PQconnectdbParams(keywords, values, 1) }
        }
        guard let handle else { throw ConnectionBroken(description: "no memory for a connection") }
        self.handle = handle
        guard PQstatus(handle) == CONNECTION_OK else { throw broken("cannot connect") }
        guard PQserverVersion(handle) >= 150_000 else {
            throw PostgreSQLUnusable(description: "The database's server is older than PostgreSQL 15: upgrade it.")
        }
        guard Self.parameter("server_encoding", handle) == "UTF8" else {
            throw PostgreSQLUnusable(
                description: "The database's encoding is not UTF8: create one with `CREATE DATABASE … ENCODING 'UTF8'`."
            )
        }
        // Discards notices, which libpq writes to standard error.
        PQsetNoticeProcessor(handle, { _, _ in }, nil)
        guard PQsetnonblocking(handle, 1) == 0, PQenterPipelineMode(handle) == 1 else {
            throw broken("cannot use pipeline mode")
        }
        let settings = try run([limits.query(configuration.timeout)], until: .now + configuration.timeout)
        if case .error(let error) = settings.first { throw error }
    }

    deinit { PQfinish(handle) }

    /// The server's limits for a connection, by its purpose.
    public struct Limits: Sendable {
        /// The timeout of a statement.
        let statement: Duration
        /// Whether plans may scan whole tables.
        let scansTables: Bool

        public init(statement: Duration, scansTables: Bool) {
            (self.statement, self.scansTables) = (statement, scansTables)
        }

        fileprivate func query(_ timeout: Duration) -> Query {
            let settings: [(name: String, value: String)] = [
                ("statement_timeout", milliseconds(statement)),
                // Longer than a lost process can hold a lock (below), and shorter than a request waits.
                ("lock_timeout", milliseconds(min(statement, timeout) * 3 / 5)),
                // The longest time for which a lost or stopped process blocks others by a row's lock. Between the
                // statements of a transaction, a process waits for the processor only.
                ("idle_in_transaction_session_timeout", milliseconds(min(.seconds(2), timeout * 2 / 5))),
                ("default_transaction_isolation", "read committed"), ("jit", "off"),
                // With a just filled table's outdated statistics, the planner chooses a scan for one row, and a prepared
                // statement keeps its plan.
                ("enable_seqscan", scansTables ? "on" : "off"), ("extra_float_digits", "1"),
            ]
            let calls = settings.map { "set_config('\($0.name)', '\($0.value)', false)" }
            // A commit must be durable. The values other than `off` are stricter.
            return Query(
                """
                SELECT \(calls.joined(separator: ", ")), set_config('synchronous_commit', CASE
                    current_setting('synchronous_commit') WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit')
                    END, false)
                """, parameters: [], isPrepared: false)
        }

        private func milliseconds(_ duration: Duration) -> String { "\(max(1, Int(duration / .milliseconds(1))))" }
    }

    /// Sends statements at once and waits for all answers.
    ///
    /// After a failed statement the others are skipped. Outside of `BEGIN` and `COMMIT` they are one transaction.
    ///
    /// - Returns: an answer for each statement.
    /// - Throws: ``ConnectionBroken``, also at the deadline. The connection must not be used afterwards.
    public func run(_ queries: [Query], until deadline: ContinuousClock.Instant) throws(ConnectionBroken) -> [Answer] {
        /// The statements of the expected results; `sql` for the preparation of one.
        var expected: [(sql: String?, index: Int)] = []
        var newNames: [String: String] = [:]
        for (index, query) in queries.enumerated() {
            if query.isPrepared {
                var name = names[query.sql] ?? newNames[query.sql]
                if name == nil {
                    let new = "s\(names.count + newNames.count)"
                    (name, newNames[query.sql]) = (new, new)
                    guard PQsendPrepare(handle, new, query.sql, Int32(query.types.count), query.types) == 1 else {
                        throw broken("cannot send")
                    }
                    expected.append((query.sql, index))
                }
                try send(query, as: name)
            } else {
                try send(query, as: nil)
            }
            expected.append((nil, index))
        }
        guard PQpipelineSync(handle) == 1 else { throw broken("cannot send") }

        var answers = [Answer](repeating: .skipped, count: queries.count)
        for (sql, index) in expected {
            guard let result = try receive(until: deadline) else { throw broken("an answer is missing") }
            switch PQresultStatus(result) {
            case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY:
                if let sql {
                    names[sql] = newNames[sql]
                    PQclear(result)
                } else {
                    answers[index] = .result(QueryResult(result))
                }
            case PGRES_PIPELINE_ABORTED: PQclear(result)
            default:
                answers[index] = .error(Self.error(result))
                PQclear(result)
            }
            guard try receive(until: deadline) == nil else { throw broken("an answer has no end") }
        }
        guard let end = try receive(until: deadline) else { throw broken("an answer is missing") }
        defer { PQclear(end) }
        guard PQresultStatus(end) == PGRES_PIPELINE_SYNC else { throw broken("an answer has no end") }
        return answers
    }

    private func send(_ query: Query, as name: String?) throws(ConnectionBroken) {
        let count = Int32(query.places.count)
        let formats = [Int32](repeating: 1, count: query.places.count)
        let lengths = query.places.map { Int32(clamping: $0?.count ?? 0) }
        // With a spare byte, so that an empty value has an address: a null pointer means NULL.
        let sent = (query.bytes + [0]).withUnsafeBytes { bytes in
            let start = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            let values = query.places.map { place in place.flatMap { start?.advanced(by: $0.lowerBound) } }
            return name.map { PQsendQueryPrepared(handle, $0, count, values, lengths, formats, 1) }
                ?? PQsendQueryParams(handle, query.sql, count, query.types, values, lengths, formats, 1)
        }
        guard sent == 1 else { throw broken("cannot send") }
    }

    /// The next result; nil at the end of a statement's results.
    private func receive(until deadline: ContinuousClock.Instant) throws(ConnectionBroken) -> OpaquePointer? {
        while true {
            let unsent = PQflush(handle)
            guard unsent >= 0 else { throw broken("cannot send") }
            if PQisBusy(handle) == 0 { return PQgetResult(handle) }
            var descriptor = pollfd(
                fd: PQsocket(handle), events: Int16(unsent == 1 ? POLLIN | POLLOUT : POLLIN), revents: 0)
            let left = deadline - .now
            guard left > .zero else { throw ConnectionBroken(description: "no answer in time") }
            let ready = poll(&descriptor, 1, Int32(clamping: Int(left / .milliseconds(1)) + 1))
            guard ready >= 0 || errno == EINTR else { throw broken("cannot wait") }
            if ready > 0, PQconsumeInput(handle) == 0 { throw broken("the connection is gone") }
        }
    }

    private func broken(_ failure: String) -> ConnectionBroken {
        let reason = String(cString: PQerrorMessage(handle)).split(whereSeparator: \.isNewline).joined(separator: "; ")
        return ConnectionBroken(description: reason.isEmpty ? failure : "\(failure): \(reason)")
    }

    private static func error(_ result: OpaquePointer) -> PostgreSQLError {
        // The fields are C characters, which Swift does not import.
        func field(_ name: Character) -> String? {
            name.asciiValue.flatMap { PQresultErrorField(result, Int32($0)) }.map { String(cString: $0) }
        }
        return PostgreSQLError(sqlState: field("C") ?? "08000", message: field("M") ?? "no message")
    }

    private static func parameter(_ name: String, _ handle: OpaquePointer) -> String? {
        PQparameterStatus(handle, name).map { String(cString: $0) }
    }

    private static func withStrings<R>(
        _ texts: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>?) -> R
    ) -> R {
        let copies = texts.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        return (copies.map { $0.map { UnsafePointer($0) } } + [nil]).withUnsafeBufferPointer { body($0.baseAddress) }
    }
}

extension Connection {
    /// Runs one statement.
    ///
    /// - Throws: ``ConnectionBroken`` or ``PostgreSQLError``.
    @discardableResult
    public func run(_ query: Query, until deadline: ContinuousClock.Instant) throws -> QueryResult {
        try all([query], until: deadline)[0]
    }

    /// Runs statements, all of which must succeed.
    ///
    /// - Throws: ``ConnectionBroken``, or the first ``PostgreSQLError``.
    public func all(_ queries: [Query], until deadline: ContinuousClock.Instant) throws -> [QueryResult] {
        try run(queries, until: deadline).map { answer in
            switch answer {
            case .result(let result): return result
            case .error(let error): throw error
            case .skipped: throw MalformedResult(description: "a statement was not run")
            }
        }
    }
}
