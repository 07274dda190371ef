import Testing

@testable import PostgreSQL

@Suite("Where a PostgreSQL database is, and how it is connected to")
struct ConfigurationTests {
    private func mode(_ uri: String) throws -> String? {
        try PostgreSQLConfiguration(uri: uri).parameters(application: "test").first { $0.keyword == "sslmode" }?.value
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
        let keywords = try PostgreSQLConfiguration(uri: "postgres://h/d?sslmode=disable")
            .parameters(application: "test").map(\.keyword)
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

    @Test("A time that nobody means is refused", arguments: [.zero, .milliseconds(99), .seconds(3_601)] as [Duration])
    func timeout(timeout: Duration) {
        #expect(throws: PostgreSQLConfiguration.Unusable.self) {
            try PostgreSQLConfiguration(uri: "postgres://h/d", timeout: timeout)
        }
    }
}
