import Broker
import BrokerSupport
import Bytes
import EvidenceSupport
import Foundation
import PostgreSQL
import SQLite
import TestSupport
import Testing

@testable import Storage

/// The kinds of store that the same tests run against.
enum TestedStore: CaseIterable, CustomTestStringConvertible {
    case sqlite, postgresql

    var testDescription: String { self == .sqlite ? "SQLite" : "PostgreSQL" }

    /// Has the database refuse workloads whose ids begin with `bad`.
    func refuseBadWorkloads(_ store: any ExaminedStore) async throws {
        switch self {
        case .sqlite:
            try await store.tamper(
                """
                CREATE TRIGGER fail BEFORE INSERT ON workloads WHEN NEW.id LIKE 'bad%'
                BEGIN SELECT RAISE(ABORT, 'no'); END
                """)
        case .postgresql:
            try await store.tamper(
                "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$")
            try await store.tamper(
                """
                CREATE TRIGGER fail BEFORE INSERT ON workloads FOR EACH ROW WHEN (NEW.id LIKE 'bad%')
                EXECUTE FUNCTION fail()
                """)
        }
    }
}

/// A store as tests see it.
protocol ExaminedStore: Store, SessionStore, ResourceStore, PolicyStore, TokenStore, EndorsementStore,
    DenialStore, StoreStatistics
{
    var waitingWrites: Int { get }
    func observeCommits(_ observer: @escaping @Sendable (CommittedBatch) -> Void)
    func auditEnd() async throws -> AuditHead
    func hasAuditRecord(of action: AuditRecord.Action) async throws -> Bool
    func tamper(_ sql: String) async throws
}

extension SQLiteStore: ExaminedStore {}
extension PostgreSQLStore: ExaminedStore {}

/// A database of a test's own, with a store.
struct StorePlace: Sendable {
    let kind: TestedStore
    let now = Date(timeIntervalSince1970: 1_760_000_000)
    /// Of the resource that most tests are about.
    let path: ResourcePath
    let store: any ExaminedStore
    private let folder: TemporaryFolder
    /// PostgreSQL's.
    private let database: String

    init(_ kind: TestedStore) async throws {
        self.kind = kind
        path = try ResourcePath("default/key/1")
        folder = try TemporaryFolder()
        database = kind == .postgresql ? try await PostgreSQLCluster.shared.newStoreDatabase() : ""
        store = try await Self.open(kind, folder, database)
    }

    private static func open(
        _ kind: TestedStore, _ folder: TemporaryFolder, _ database: String
    ) async throws -> any ExaminedStore {
        switch kind {
        case .sqlite: try SQLiteStore(file: folder.file("kbs.sqlite"), manifest: .tested)
        case .postgresql: try await .connected(to: database)
        }
    }

    func close() async throws {
        try (store as? SQLiteStore)?.close()
        await (store as? PostgreSQLStore)?.close()
    }

    /// Closes it, and opens it again.
    func reopen() async throws -> any ExaminedStore {
        try await close()
        return try await Self.open(kind, folder, database)
    }

    func copyPlace() async throws -> CopyPlace {
        switch kind {
        case .sqlite: .sqlite(folder.file("kbs.sqlite"))
        case .postgresql:
            .postgreSQL(
                try await PostgreSQLConfiguration(
                    uri: PostgreSQLCluster.shared.uri(database), timeout: PostgreSQLCluster.patience))
        }
    }

    /// What is another after each probe.
    func probeMark() async throws -> String {
        if let store = store as? SQLiteStore {
            return try store.read { "\(try Int.fetchOne($0, sql: "PRAGMA user_version") ?? 0)" }
        }
        return try await PostgreSQLCluster.shared.sql("SELECT pg_current_wal_flush_lsn()", in: database)
    }

    func register(_ id: String, replacing: Bool = true) async throws -> RegistrationOutcome {
        try await store.register(
            Simulated.registration(id), sealed: Sealed(bytes: Array(id.utf8), masterKey: "k"), replacing: replacing,
            at: now)
    }

    func register(_ id: String, under policy: PolicyName) async throws -> RegistrationOutcome {
        try await store.register(
            Registration(
                id: WorkloadID(id), launch: .policy(policy), configuration: "", secret: Secret(Array("x".utf8))),
            sealed: Sealed(bytes: Array(id.utf8), masterKey: "k"), replacing: true, at: now)
    }

    func session(_ id: UInt8, of workload: String, expires: Double = 100) async throws -> StoredSession {
        let row = try #require(try await store.workload(WorkloadID(workload))).row
        return StoredSession(
            id: Array(repeating: id, count: 16), workload: row,
            chip: "c0ffee", opened: now, expires: now.addingTimeInterval(expires), code: [4, 5], masterKey: "k")
    }
}

extension ExaminedStore where Self == PostgreSQLStore {
    /// On the cluster that all tests share.
    static func connected(to database: String) async throws -> PostgreSQLStore {
        try await PostgreSQLStore(
            PostgreSQLConfiguration(
                uri: PostgreSQLCluster.shared.uri(database), connections: 4, timeout: PostgreSQLCluster.patience),
            manifest: .tested)
    }
}
