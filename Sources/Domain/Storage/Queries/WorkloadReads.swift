public import Broker
import Bytes
import Evidence
public import FoundationEssentials

extension ReadingStore {
    public func workload(_ id: WorkloadID) async throws -> Workload? {
        try await genuine(WorkloadReads.workload(WorkloadReads.byID, .text(id.text)))
    }

    public func workload(row: Workload.Row) async throws -> Workload? {
        try await genuine(WorkloadReads.workload(WorkloadReads.byRow, .integer(row)))
    }

    public func workloads(after id: String, search: String, limit: Int) async throws -> [Workload] {
        // instr and not LIKE: ids may hold LIKE's wildcards.
        try await rows(
            Read(
                "\(WorkloadReads.select) WHERE w.id > ?1 AND instr(w.id, ?2) > 0 ORDER BY w.id LIMIT ?3",
                [.text(id), .text(search), .integer(limit)], .scan
            ) { try Workload(row: $0) })
    }

    public func measurements(
        after id: String, search: String, limit: Int
    ) async throws -> [(id: String, measurement: [UInt8])] {
        try await rows(
            Read(
                """
                SELECT id, digest FROM workloads
                WHERE id > ?1 AND instr(id, ?2) > 0 AND tee = 'snp' AND disabled = 0 ORDER BY id LIMIT ?3
                """, [.text(id), .text(search), .integer(limit)], .scan
            ) { (try $0.text(0), try $0.bytes(1)) })
    }

    public func grant(session id: [UInt8], at time: Date) async throws -> Grant? {
        try await genuine(
            Read(WorkloadReads.grant, [.bytes(id), .time(time)]) { row in
                let secret = try StoredSecret(row: row)
                let grant = Grant(session: try StoredSession(row: row, from: 11), secret: secret)
                return try row.deciding(grant, ManifestEntry(secret.workload), seal: 11 + StoredSession.columnCount)
            })
    }

    public func countWorkloads() async throws -> Int {
        try await first(Read("SELECT count(*) FROM workloads", [], .scan) { try $0.int(0) }) ?? 0
    }
}

/// The secrets of workloads.
extension ReadingStore {
    public func sealedSecret(of id: WorkloadID) async throws -> StoredSecret? {
        try await genuine(
            Read(WorkloadReads.sealedSecret, [.text(id.text)]) { row in
                let stored = try StoredSecret(row: row)
                return try row.deciding(stored, ManifestEntry(stored.workload), seal: 11)
            })
    }

    public func secrets(
        notUnder masterKey: String, after row: Workload.Row, limit: Int
    ) async throws -> [StoredSecret] {
        try await rows(
            Read(
                "\(WorkloadReads.secrets) WHERE w.row > ?1 AND (x.master_key <> ?3 OR ?3 = '') ORDER BY w.row LIMIT ?2",
                [.integer(row), .integer(limit), .text(masterKey)], .scan
            ) { try StoredSecret(row: $0) })
    }
}

enum WorkloadReads {
    private static let columns =
        "w.row, w.id, w.tee, w.digest, w.guest_policy, w.policy, w.tee_config, w.registered, w.disabled"
    static let select = "SELECT \(columns) FROM workloads w"
    /// A workload's and its secret's columns: eleven.
    private static let columnsWithSecret = "\(columns), x.sealed, x.master_key"
    static let secrets = "SELECT \(columnsWithSecret) FROM workloads w JOIN secrets x ON x.workload = w.row"

    fileprivate static let byID: SQLText = "\(selectWithSeal) WHERE w.id = ?1"
    fileprivate static let byRow: SQLText = "\(selectWithSeal) WHERE w.row = ?1"
    private static let selectWithSeal =
        "SELECT \(columns), \(SealColumns.columns) FROM workloads w \(SealColumns.join)"

    static func workload(_ text: SQLText, _ value: Value) -> Read<ManifestedRow<Workload>> {
        Read(text, [value]) { row in
            let workload = try Workload(row: row)
            return try row.deciding(workload, ManifestEntry(workload), seal: 9)
        }
    }

    static let grant: SQLText = """
        SELECT \(columnsWithSecret), \(StoredSession.columnList(of: "s")), \(SealColumns.columns)
        FROM sessions s JOIN workloads w ON w.row = s.workload JOIN secrets x ON x.workload = w.row \(SealColumns.join)
        WHERE s.id = ?1 AND s.expires > ?2
        """

    static let sealedSecret: SQLText = """
        SELECT \(columnsWithSecret), \(SealColumns.columns)
        FROM workloads w JOIN secrets x ON x.workload = w.row \(SealColumns.join) WHERE w.id = ?1
        """

    static func isEnabled(_ row: Workload.Row) -> Read<Bool> {
        Read("SELECT 1 FROM workloads WHERE row = ?1 AND disabled = 0", [.integer(row)]) { _ in true }
    }

    static func exists(_ id: String) -> Read<Bool> {
        Read("SELECT 1 FROM workloads WHERE id = ?1", [.text(id)]) { _ in true }
    }

    static func plain(_ id: WorkloadID) -> Read<Workload> {
        Read("\(select) WHERE w.id = ?1", [.text(id.text)]) { try Workload(row: $0) }
    }
}

extension Workload {
    /// From the first nine columns.
    init(row: any StoredRow) throws {
        guard
            let launch = Launch(
                technology: ExactText(try row.text(2)), digest: try row.bytes(3), guestPolicy: try row.integer(4),
                policy: try row.optionalText(5).map { try PolicyName($0) })
        else {
            throw UnexpectedAnswer(description: "the workload \(try row.text(1)) has an unknown technology")
        }
        self.init(
            row: try row.integer(0), id: try WorkloadID(row.text(1)), launch: launch, configuration: try row.text(6),
            registered: try row.date(7), isDisabled: try row.flag(8))
    }
}

extension StoredSecret {
    /// From the workload's and the secret's columns.
    fileprivate init(row: any StoredRow) throws {
        self.init(
            workload: try Workload(row: row), sealed: Sealed(bytes: try row.bytes(9), masterKey: try row.text(10)))
    }
}
