public import Broker
import Evidence
public import Foundation
import GRDB

/// Everything in one SQLite file, in WAL mode, flushed before it is acknowledged.
///
/// Reads run where they are called: a lookup of a cached page costs less than a change of thread.
/// Writes are gathered: see ``WriteQueue``.
public struct SQLiteStore: Sendable {
    let writer: DatabaseQueue
    private let readers: ReaderSet
    let writes: WriteQueue

    /// Opens or makes the database, readable by its owner only, and brings its schema up to date.
    ///
    /// - Parameter file: `…/kbs.sqlite`; SQLite keeps two more files beside it.
    public init(file: URL) throws {
        var configuration = Configuration()
        configuration.label = "kbs"
        configuration.busyMode = .timeout(10)
        configuration.journalMode = .wal
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA secure_delete = ON")
        }
        let path = file.path(percentEncoded: false)
        writer = try DatabaseQueue(path: path, configuration: configuration)
        // GRDB sets NORMAL when it switches to WAL, after the configuration's own preparations. With it
        // a commit would be acknowledged before it is on the disk.
        try writer.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
        try Schema.migrator.migrate(writer)
        writes = WriteQueue(writer)
        // Each takes two file descriptors, and there are hosts with hundreds of cores.
        readers = try ReaderSet(path: path, count: min(ProcessInfo.processInfo.activeProcessorCount * 4, 32))
    }

    /// Waits for what was begun, and closes the file.
    public func close() throws {
        try readers.close()
        try writer.close()
    }

    func read<T>(_ body: (Database) throws -> T) throws -> T { try readers.read(body) }
}

extension SQLiteStore: Store {
    public func register(
        _ registration: Registration, sealed: Sealed, replacing: Bool, at time: Date
    ) async throws -> RegistrationOutcome {
        try await writes.perform { database in
            let id = registration.id.text
            let exists =
                try Bool.fetchOne(
                    database.cachedStatement(sql: "SELECT 1 FROM workloads WHERE id = ?"), arguments: [id]) != nil
            guard !exists || replacing else { return .exists }
            guard try !Self.isRetired(sealed.masterKey, in: database) else { return .keyRetired }
            if exists {
                try database.cachedStatement(sql: "DELETE FROM workloads WHERE id = ?").execute(arguments: [id])
            }
            let launch = registration.launch
            try database.cachedStatement(sql: "INSERT INTO workloads (id, tee, registered) VALUES (?, ?, ?)")
                .execute(arguments: [id, launch.tee.rawValue, time.seconds])
            let row = database.lastInsertedRowID
            try database.cachedStatement(sql: "INSERT INTO measurements (workload, digest) VALUES (?, ?)")
                .execute(arguments: [row, Data(launch.measurement)])
            try database.cachedStatement(sql: "INSERT INTO configs (workload, tee_config, policy) VALUES (?, ?, ?)")
                .execute(arguments: [row, registration.configuration, launch.policyColumn])
            try database.cachedStatement(sql: "INSERT INTO secrets (workload, sealed, master_key) VALUES (?, ?, ?)")
                .execute(arguments: [row, Data(sealed.bytes), sealed.masterKey])
            return exists ? .replaced : .added
        }
    }

    public func remove(_ id: WorkloadID) async throws -> Bool {
        try await writes.perform { database in
            try database.cachedStatement(sql: "DELETE FROM workloads WHERE id = ?").execute(arguments: [id.text])
            return database.changesCount > 0
        }
    }

    public func workload(_ id: WorkloadID) async throws -> Workload? {
        try read { database in
            try Row.fetchOne(
                database.cachedStatement(sql: "\(Self.selectWorkload) WHERE w.id = ?"), arguments: [id.text]
            ).map { try Workload(row: $0) }
        }
    }

    public func workload(row: Workload.Row) async throws -> Workload? {
        try read { database in
            try Row.fetchOne(
                database.cachedStatement(sql: "\(Self.selectWorkload) WHERE w.row = ?"), arguments: [row]
            ).map { try Workload(row: $0) }
        }
    }

    public func workloads(after id: String, limit: Int) async throws -> [Workload] {
        try read { database in
            try Row.fetchAll(
                database.cachedStatement(sql: "\(Self.selectWorkload) WHERE w.id > ? ORDER BY w.id LIMIT ?"),
                arguments: [id, limit]
            ).map { try Workload(row: $0) }
        }
    }

    public func insert(_ session: Session) async throws -> Bool {
        let (binding, exponent): ([UInt8], [UInt8]?) =
            switch session.binding {
            case .rsa(let modulus, let exponent): (modulus, exponent)
            case .sev(let measurement): (measurement, nil)
            }
        return try await writes.perform { database in
            guard try !Self.isRetired(session.masterKey, in: database) else { return false }
            try database.cachedStatement(
                sql: """
                    INSERT INTO sessions (id, workload, binding, exponent, chip, expires, code, master_key)
                    SELECT ?, row, ?, ?, ?, ?, ?, ? FROM workloads WHERE row = ?
                    ON CONFLICT DO NOTHING
                    """
            ).execute(arguments: [
                Data(session.id), Data(binding), exponent.map { Data($0) }, session.chip, session.expires.seconds,
                Data(session.code), session.masterKey, session.workload,
            ])
            return database.changesCount > 0
        }
    }

    public func grant(session id: [UInt8], at time: Date) async throws -> Grant? {
        try read { database in
            let sql = """
                SELECT w.row, w.id, w.tee, w.registered, m.digest, c.tee_config, c.policy,
                    s.binding, s.exponent, s.chip, s.expires, s.code, s.master_key,
                    x.sealed, x.master_key
                FROM sessions s JOIN workloads w ON w.row = s.workload JOIN measurements m ON m.workload = w.row
                    JOIN configs c ON c.workload = w.row JOIN secrets x ON x.workload = w.row
                WHERE s.id = ? AND s.expires > ?
                """
            return try Row.fetchOne(
                database.cachedStatement(sql: sql), arguments: [Data(id), time.seconds]
            ).map { row in
                let workload = try Workload(row: row)
                let binding: [UInt8] = Array(row[7] as Data)
                let exponent: Data? = row[8]
                return Grant(
                    session: Session(
                        id: id, workload: workload.row,
                        binding: exponent.map { .rsa(modulus: binding, exponent: Array($0)) }
                            ?? .sev(measurement: binding), chip: row[9], expires: Date(seconds: row[10]),
                        code: Array(row[11] as Data), masterKey: row[12]),
                    workload: workload,
                    sealedSecret: Sealed(bytes: Array(row[13] as Data), masterKey: row[14]))
            }
        }
    }

    public func sweepSessions(before time: Date) async throws -> Int {
        var swept = 0
        while true {
            // In portions, so that guests do not wait behind a long transaction.
            let portion = try await writes.perform { database in
                try database.cachedStatement(
                    sql: """
                        DELETE FROM sessions WHERE id IN
                            (SELECT id FROM sessions INDEXED BY sessions_by_expiry WHERE expires <= ? LIMIT 500)
                        """
                ).execute(arguments: [time.seconds])
                return database.changesCount
            }
            swept += portion
            if portion == 0 { return swept }
        }
    }

    static let selectWorkload = """
        SELECT w.row, w.id, w.tee, w.registered, m.digest, c.tee_config, c.policy
        FROM workloads w JOIN measurements m ON m.workload = w.row JOIN configs c ON c.workload = w.row
        """
}

extension Workload {
    /// From the first seven columns: row, id, tee, registered, digest, tee_config, policy.
    init(row: GRDB.Row) throws {
        let digest: [UInt8] = Array(row[4] as Data)
        let policy: Int64 = row[6]
        let launch: Launch =
            switch TEE(rawValue: row[2]) {
            case .snp: .snp(measurement: digest, policy: GuestPolicy(rawValue: UInt64(bitPattern: policy)))
            case .sev: .sev(digest: digest, policy: SEVLaunchPolicy(column: policy))
            case nil: throw DatabaseError(message: "the workload \(row[1] as String) has an unknown technology")
            }
        self.init(
            row: row[0], id: try WorkloadID(row[1]), launch: launch, configuration: row[5],
            registered: Date(seconds: row[3]))
    }
}

extension Launch {
    fileprivate var policyColumn: Int64 {
        switch self {
        case .snp(_, let policy): Int64(bitPattern: policy.rawValue)
        case .sev(_, let policy):
            Int64(policy.flags.rawValue) | Int64(policy.minimumFirmware.major) << 16
                | Int64(policy.minimumFirmware.minor) << 24
        }
    }
}

extension SEVLaunchPolicy {
    fileprivate init(column: Int64) {
        self.init(
            flags: Flags(rawValue: UInt16(truncatingIfNeeded: column)),
            minimumFirmware: (UInt8(truncatingIfNeeded: column >> 16), UInt8(truncatingIfNeeded: column >> 24)))
    }
}

extension Date {
    var seconds: Int64 { Int64(timeIntervalSince1970) }

    init(seconds: Int64) { self.init(timeIntervalSince1970: Double(seconds)) }
}

extension SQLiteStore {
    /// 2 is FULL.
    package var synchronous: Int? {
        get throws { try writer.writeWithoutTransaction { try Int.fetchOne($0, sql: "PRAGMA synchronous") } }
    }

    /// Runs SQL that the store itself never would: for tests of what a thief with the file can do.
    package func tamper(_ sql: String) throws { try writer.write { try $0.execute(sql: sql) } }

    /// Rows that this connection has written since it was opened: for tests of what writes nothing.
    package var totalChanges: Int { get throws { try writer.write { $0.totalChangesCount } } }
}
