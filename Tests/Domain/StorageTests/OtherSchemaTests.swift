import BrokerSupport
import Crypto
import Foundation
import PostgreSQL
import SQLite
import TestSupport
import Testing

@testable import Broker
@testable import Storage

@Suite("A database of another version")
struct OtherSchemaTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test(
        "A file that 0.2.0 wrote is named as such, and nothing of it is changed",
        .enabled(if: EarlierRelease.isPresent))
    func earlierFile() async throws {
        let data = folder.file("data").path
        let kbs = try await EarlierRelease.run(
            ["workload", "add", "app", "--measurement", String(repeating: "ab", count: 48), "--data", data],
            input: "sesame")
        #expect(!kbs.isEmpty)
        let file = folder.file("data/kbs.sqlite")
        let before = SHA256.hash(data: try Data(contentsOf: file))
        let error = #expect(throws: OtherSchema.self) { try SQLiteStore(file: file) }
        #expect(error?.isLater == false)
        let inspection = try DatabaseInspection(file)
        #expect(inspection.schema == .other && inspection.store == nil)
        #expect(SHA256.hash(data: try Data(contentsOf: file)) == before)
    }

    @Test("A database that 0.2.0 wrote is named as such, and nothing of it is changed")
    func earlierDatabase() async throws {
        let database = try await PostgreSQLCluster.shared.newDatabase()
        // The tables by which it is known.
        try await PostgreSQLCluster.shared.sql(
            "CREATE TABLE schema_versions (version BIGINT); CREATE TABLE workloads (row BIGINT)", in: database)
        let configuration = try await PostgreSQLConfiguration(
            uri: PostgreSQLCluster.shared.uri(database), connections: 4, timeout: PostgreSQLCluster.patience)
        for migrates in [true, false] {
            let error = await #expect(throws: OtherSchema.self) {
                try await PostgreSQLStore(configuration, migrates: migrates)
            }
            #expect(error?.isLater == false)
        }
        let tables = try await PostgreSQLCluster.shared.sql(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", in: database)
        #expect(tables.trimmingCharacters(in: .whitespacesAndNewlines) == "2")
    }

    @Test("A file that a later version wrote is named as such")
    func laterFile() throws {
        let file = folder.file("kbs.sqlite")
        try SQLiteStore(file: file).close()
        let queue = try DatabaseQueue(path: file.path)
        try queue.write { try $0.execute(sql: "INSERT INTO kbs_schema VALUES (2, 1, 0)") }
        let error = #expect(throws: OtherSchema.self) { try SQLiteStore(file: file) }
        #expect(error?.isLater == true)
        #expect(try DatabaseInspection(file).schema == .later)
        // None at all, or one that never was, is no later one.
        for statement in ["DELETE FROM kbs_schema", "INSERT INTO kbs_schema VALUES (0, 0, 0)"] {
            try queue.write { try $0.execute(sql: statement) }
            #expect(try DatabaseInspection(file).schema == .other)
        }
        try queue.close()
    }
}
