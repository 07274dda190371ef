import BrokerSupport
import Evidence
import EvidenceSupport
import Foundation
import SimulatedHardware
import TestSupport
import Testing

@testable import Storage

@Suite("How PostgreSQL is connected to")
struct PostgreSQLConfigurationTests {
    private func mode(_ uri: String) throws -> String? {
        try PostgreSQLConfiguration(uri: uri).parameters().first { $0.keyword == "sslmode" }?.value
    }

    @Test(
        "A server on another machine must prove who it is, unless the URI says otherwise",
        arguments: [
            "postgres://db.example.org/kbs", "postgres://localhost,db.example.org/kbs", "postgres:///kbs",
            "postgres://127.example.org/kbs", "postgres://localhost/kbs?hostaddr=192.0.2.1",
        ])
    func remote(uri: String) throws {
        #expect(try mode(uri) == "verify-full")
    }

    @Test(
        "One on this machine need not",
        arguments: [
            "postgres://localhost/kbs", "postgres://127.0.0.1:5433/kbs", "postgres://[::1]/kbs",
            "postgres:///kbs?host=/run/postgresql",
        ])
    func local(uri: String) throws {
        #expect(try mode(uri) == "prefer")
    }

    @Test("What the URI says comes after what is usual, so that it holds")
    func order() throws {
        let keywords = try PostgreSQLConfiguration(uri: "postgres://h/d?sslmode=disable").parameters().map(\.keyword)
        let uri = try #require(keywords.firstIndex(of: "dbname"))
        for usual in ["sslmode", "target_session_attrs", "connect_timeout"] {
            let place = try #require(keywords.firstIndex(of: usual))
            #expect(place < uri)
        }
    }

    @Test("A password is not printed")
    func password() throws {
        let configuration = try PostgreSQLConfiguration(
            uri: "postgres://me:hunter2@one.example.org:5433,two.example.org/kbs?sslpassword=hunter2")
        #expect("\(configuration)" == "postgres://one.example.org:5433,two.example.org/kbs")
        #expect(!String(reflecting: configuration).contains("hunter2"))
        #expect(!"\(configuration as Any)".contains("hunter2"))
        var text = ""
        dump(configuration, to: &text)
        #expect(!text.contains("hunter2"))
    }

    @Test(
        "What is no URI is refused, and not repeated",
        arguments: ["/kbs.sqlite", "host=db password=hunter2", "postgres://u:hunter2@h/d?no_such_option=1"])
    func unusable(uri: String) {
        let error = #expect(throws: PostgreSQLConfiguration.Unusable.self) { try PostgreSQLConfiguration(uri: uri) }
        #expect(error?.description.contains("hunter2") == false)
    }

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
        try await open("localhost", cluster.certificate, waiting: .seconds(30))
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
        let written = try await store.change {
            try $0.run("SELECT current_setting('synchronous_commit')").first?.text(0)
        }
        #expect(written == "on")
    }
}
