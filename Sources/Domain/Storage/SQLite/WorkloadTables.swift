public import Broker
import Evidence
public import FoundationEssentials
import SQLite

extension SQLiteStore: Store {}

extension SQLiteStore {
    public func register(
        _ registration: Registration, sealed: Sealed, replacing: Bool, expecting expected: Workload.Expectation?,
        at time: Date, recording record: @escaping @Sendable (_ replaced: Bool) -> AuditRecord
    ) async throws -> RegistrationOutcome {
        try await writes.perform { database in
            let id = registration.id.text
            let version = try Self.version(of: id, in: database)
            if let expected, !expected.holds(for: version) { return .changed }
            guard version == nil || replacing else { return .exists }
            guard try !database.hasResource(named: id) else { return .isResource }
            guard try !Self.isRetired(sealed.masterKey, in: database) else { return .keyRetired }
            if version != nil {
                try database.cachedStatement(sql: "DELETE FROM workloads WHERE id = ?").execute(arguments: [id])
            }
            let launch = registration.launch
            try database.cachedStatement(
                sql: "INSERT INTO workloads (id, tee, registered, disabled) VALUES (?, ?, ?, ?)"
            ).execute(arguments: [id, launch.tee.rawValue, time.seconds, version?.isDisabled ?? false])
            let row = database.lastInsertedRowID
            try database.cachedStatement(sql: "INSERT INTO measurements (workload, digest) VALUES (?, ?)")
                .execute(arguments: [row, launch.measurement])
            try database.cachedStatement(sql: "INSERT INTO configs (workload, tee_config, policy) VALUES (?, ?, ?)")
                .execute(arguments: [row, registration.configuration, launch.policyColumn])
            try database.cachedStatement(sql: "INSERT INTO secrets (workload, sealed, master_key) VALUES (?, ?, ?)")
                .execute(arguments: [row, sealed.bytes, sealed.masterKey])
            try database.append(record(version != nil))
            return .done(
                Workload(
                    row: row, id: registration.id, launch: launch, configuration: registration.configuration,
                    registered: Date(seconds: time.seconds), isDisabled: version?.isDisabled ?? false),
                replaced: version != nil)
        }
    }

    public func remove(
        _ id: WorkloadID, expecting expected: Workload.Expectation?, recording record: AuditRecord
    ) async throws -> ChangeOutcome {
        try await change(id, expecting: expected, recording: record) { database in
            try database.cachedStatement(sql: "DELETE FROM workloads WHERE id = ?").execute(arguments: [id.text])
        }
    }

    public func setDisabled(
        _ isDisabled: Bool, _ id: WorkloadID, expecting expected: Workload.Expectation?, recording record: AuditRecord
    ) async throws -> ChangeOutcome {
        try await change(id, expecting: expected, recording: record) { database in
            try database.cachedStatement(sql: "UPDATE workloads SET disabled = ? WHERE id = ?")
                .execute(arguments: [isDisabled, id.text])
        }
    }

    private func change(
        _ id: WorkloadID, expecting expected: Workload.Expectation?, recording record: AuditRecord,
        _ body: @escaping @Sendable (Database) throws -> Void
    ) async throws -> ChangeOutcome {
        try await writes.perform { database in
            guard let version = try Self.version(of: id.text, in: database) else { return .missing }
            if let expected, !expected.holds(for: version) { return .changed }
            try body(database)
            try database.append(record)
            return .done
        }
    }

    private static func version(of id: String, in database: Database) throws -> Workload.Version? {
        try Row.fetchOne(
            database.cachedStatement(sql: "SELECT row, disabled FROM workloads WHERE id = ?"), arguments: [id]
        ).map { try Workload.Version(row: $0[0], isDisabled: $0[1]) }
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

    public func workloads(after id: String, search: String, limit: Int) async throws -> [Workload] {
        try await scan { database in
            // instr, not LIKE: an id holds characters that mean something to LIKE.
            let searching = search.isEmpty ? "" : "AND instr(w.id, :search) > 0"
            return try Row.fetchAll(
                database.cachedStatement(
                    sql: "\(Self.selectWorkload) WHERE w.id > :after \(searching) ORDER BY w.id LIMIT :limit"),
                arguments: search.isEmpty
                    ? ["after": id, "limit": limit] : ["after": id, "limit": limit, "search": search]
            ).map { try Workload(row: $0) }
        }
    }

    static let selectWorkload = """
        SELECT w.row, w.id, w.tee, w.registered, m.digest, c.tee_config, c.policy, w.disabled
        FROM workloads w JOIN measurements m ON m.workload = w.row JOIN configs c ON c.workload = w.row
        """
}

extension Workload {
    /// From the first eight columns: row, id, tee, registered, digest, tee_config, policy, disabled.
    init(row: SQLite.Row) throws {
        guard let launch = try Launch(tee: row[2], digest: row[4], policy: row[6]) else {
            throw DatabaseError(message: "the workload \(try row[1] as String) has an unknown technology")
        }
        try self.init(
            row: row[0], id: WorkloadID(row[1]), launch: launch, configuration: row[5],
            registered: Date(seconds: row[3]), isDisabled: row[7])
    }
}
