public import Broker
import Concurrency
public import FoundationEssentials
public import PostgreSQL

/// An inspection of a PostgreSQL database and its server that changes nothing.
public struct PostgreSQLInspection: Sendable {
    /// The database's schema, compared with this program's.
    public enum SchemaState: Sendable, Hashable {
        case none
        case current(Int)
        case earlier(Int)
        /// Written by a later version of this program, and this one can still use it.
        case laterAndCompatible(Int)
        case later(Int)
    }

    /// The protection of the connection.
    public enum Transport: Sendable, Hashable, CustomStringConvertible {
        case localSocket
        /// - Parameter version: e.g. `TLSv1.3`.
        case tls(version: String)
        case plain

        public var description: String {
            switch self {
            case .localSocket: "a socket of this machine"
            case .tls(let version): version
            case .plain: "no TLS"
            }
        }
    }

    /// The hosts and the database, without a password.
    public let address: String
    public let isOnThisMachine: Bool
    public let transport: Transport
    /// Whether the connection verifies that the server is the named one.
    public let verifiesServer: Bool
    /// E.g. 150008 for 15.8.
    public let serverVersion: Int
    public let schema: SchemaState
    public let role: String
    public let isSuperuser: Bool
    /// Whether the role may change or remove records of the trail.
    public let mayChangeTrail: Bool
    /// Whether the server flushes to the disk before it acknowledges (fsync and full_page_writes).
    public let isFlushed: Bool
    /// The setting of what a commit waits for: `on`, `local`, `remote_write`, `remote_apply`.
    public let synchronousCommit: String
    public let openConnections: Int
    public let mostConnections: Int
    /// How far the server's clock is ahead of this machine's, in seconds.
    public private(set) var clockOffset: TimeInterval
    /// A store for further reads; `nil` when this program cannot use the schema. Close it after use.
    public private(set) var store: PostgreSQLStore?

    /// - Throws: when the database cannot be reached or queried.
    ///
    /// - Parameter manifest: the manifest that rows which decide are compared with.
    public init(_ configuration: PostgreSQLConfiguration, manifest: Manifest? = nil) async throws {
        self = try await BlockingThread.run("kbs.inspection") { try Self(asking: configuration) }
        switch schema {
        case .current, .laterAndCompatible:
            let store = try await PostgreSQLStore(configuration, manifest: manifest, migrates: false)
            self.store = store
            clockOffset = try await store.clockOffset()
        case .none, .earlier, .later: break
        }
    }

    /// Asks over one connection. The clock's offset is then a rough one.
    private init(asking configuration: PostgreSQLConfiguration) throws {
        address = configuration.description
        isOnThisMachine = configuration.isOnThisMachine
        verifiesServer = configuration.verifiesServer
        let connection = try Connection(
            configuration, Connection.Limits(statement: configuration.timeout, scansTables: true))
        let deadline = ContinuousClock.now + configuration.timeout
        let (found, own) = (try PostgreSQLSchema.current(connection, until: deadline), PostgreSQLSchema.version)
        schema =
            switch found.version {
            case 0: .none
            case own: .current(own)
            case ..<own: .earlier(found.version)
            default: found.compatibleFrom <= own ? .laterAndCompatible(found.version) : .later(found.version)
            }
        let settings = try connection.run(
            Query(
                """
                SELECT current_setting('server_version_num')::bigint, current_user::text,
                    coalesce((SELECT rolsuper FROM pg_roles WHERE rolname = current_user), false),
                    current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on',
                    current_setting('synchronous_commit'), (SELECT count(*) FROM pg_stat_activity
                    WHERE backend_type = 'client backend'), current_setting('max_connections')::bigint,
                    coalesce((SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl), ''),
                    inet_server_addr() IS NULL, (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
                    coalesce((SELECT bool_or(has_table_privilege(c.oid, 'UPDATE, DELETE')) FROM pg_class c
                    JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE c.relname = 'audit' AND n.nspname = ANY (current_schemas(false))), false)
                """, isPrepared: false), until: deadline)
        guard let row = settings.first else {
            throw UnexpectedAnswer(description: "the server's settings cannot be read")
        }
        serverVersion = try row.int(0)
        role = try row.text(1)
        isSuperuser = try row.bool(2)
        isFlushed = try row.bool(3)
        synchronousCommit = try row.text(4)
        openConnections = try row.int(5)
        mostConnections = try row.int(6)
        let tls = try row.text(7)
        transport = try row.bool(8) ? .localSocket : tls.isEmpty ? .plain : .tls(version: tls)
        mayChangeTrail = try row.bool(10)
        clockOffset = Date(milliseconds: try row.integer(9)).timeIntervalSinceNow
    }
}
