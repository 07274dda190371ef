import BrokerSupport
import Evidence
import EvidenceSupport
import Foundation
import PostgreSQL
import SimulatedHardware
import TestSupport
import Testing

@testable import Storage

@Suite("How PostgreSQL is connected to")
struct PostgreSQLTransportTests {
    @Test("With TLS the server's certificate must lead to the named root and be for the named host")
    func tls() async throws {
        var plan = PostgreSQLCluster.Plan()
        plan.usesTLS = true
        let cluster = try await PostgreSQLCluster(plan)
        let database = try await cluster.newStoreDatabase()
        let folder = try TemporaryFolder()
        let another = folder.file("root.crt")
        let pem = Data(try Simulated.snp.ark.der).base64EncodedString(options: .lineLength64Characters)
        try Data("-----BEGIN CERTIFICATE-----\n\(pem)\n-----END CERTIFICATE-----\n".utf8).write(to: another)
        func open(_ host: String, _ root: URL, waiting timeout: Duration = .seconds(1)) async throws {
            let uri = cluster.uri(
                database, host: host, options: ["sslmode=verify-full", "sslrootcert=\(root.path)"])
            let store = try await PostgreSQLStore(
                PostgreSQLConfiguration(uri: uri, connections: 4, timeout: timeout))
            let found = try await store.lookUp("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").first
            let isEncrypted = try found?.bool(0)
            #expect(isEncrypted == true)
            await store.close()
        }
        try await open("localhost", cluster.certificate, waiting: PostgreSQLCluster.patience)
        await #expect(throws: PostgreSQLUnusable.self) { try await open("localhost", another) }
        await #expect(throws: PostgreSQLUnusable.self) { try await open("127.0.0.1", cluster.certificate) }
    }

    @Test("What is acknowledged is on the disk, also where the database's own setting is otherwise")
    func durable() async throws {
        let cluster = try await PostgreSQLCluster.shared
        let database = try await cluster.newStoreDatabase()
        try await cluster.sql("ALTER DATABASE \(database) SET synchronous_commit = off", in: "postgres")
        let store = try await PostgreSQLStore.connected(to: database)
        let setting = try await store.lookUp("SELECT current_setting('synchronous_commit')")
        #expect(try setting.rows.map { try $0.text(0) } == ["on"])
        let written = try await store.transact {
            try $0.run("SELECT current_setting('synchronous_commit')").first?.text(0)
        }
        #expect(written == "on")
    }
}
