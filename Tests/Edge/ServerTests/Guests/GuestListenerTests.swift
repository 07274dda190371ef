import Administration
import Broker
import BrokerSupport
import Bytes
import EdgeSupport
import Evidence
import EvidenceSupport
import Foundation
import HTTP
import Installation
import Server
import SimulatedHardware
import TLSSupport
import TestSupport
import Testing

@Suite("A listener for guests alone")
struct GuestListenerTests {
    private let folder: TemporaryFolder
    private let authority: TestAuthority

    init() throws {
        folder = try TemporaryFolder()
        authority = try TestAuthority()
    }

    /// A server with TLS, whose guests come in plain HTTP.
    private func withTLS(
        _ change: @escaping (inout Settings) throws -> Void = { _ in },
        _ body: (RunningServer, _ administrators: GuestTransport, _ guests: String) async throws -> Void
    ) async throws {
        let files = try authority.issueFiles("server").write(folder)
        try await RunningServer.run { settings in
            (settings.tls.certificate, settings.tls.key) = (files.certificate, files.key)
            settings.guestsListen = .init(host: "127.0.0.1", port: 0)
            try change(&settings)
        } _: { server in
            let administrators = GuestTransport(
                base: "https://127.0.0.1:\(server.port)", client: try authority.client())
            try await body(server, administrators, try #require(server.guestBase))
        }
    }

    private func register(_ id: String, over transport: GuestTransport) async throws {
        try await transport.register(
            id, measurement: Hex.encode(Simulated.measurement(id)), configuration: "", secret: "a secret")
    }

    @Test("A guest that cannot speak TLS boots there, beside a server with TLS; B3")
    func boot() async throws {
        try await withTLS { server, administrators, guests in
            try await register("app", over: administrators)
            let plain = GuestTransport(base: guests, client: .shared)
            #expect(try await Simulated.guest("app").boot(over: plain) == Array("a secret".utf8))
            #expect(try await RunningServer.send("GET", to: "\(guests)//kbs/v0/").status == 401, "a doubled slash")
            let alive = try await RunningServer.send("GET", to: "\(guests)/livez")
            #expect(alive.status == 200 && alive.body == "ok\n")
        }
    }

    @Test("Guest components' cookie goes back over TLS only if it came over TLS")
    func secureCookie() async throws {
        try await withTLS { server, _, guests in
            let greeting = #"{"version":"0.4.0","tee":"snp","extra-params":""}"#.utf8
            let secure = try await RunningServer.send(
                "POST", to: "https://127.0.0.1:\(server.port)/kbs/v0/auth", greeting, over: try authority.client())
            #expect(secure.headers.first(name: "Set-Cookie")?.hasSuffix("; Secure") == true)
            let plain = try await RunningServer.send("POST", to: "\(guests)/kbs/v0/auth", greeting)
            #expect(plain.status == 200 && plain.headers.first(name: "Set-Cookie")?.contains("Secure") == false)
        }
    }

    @Test("Guest components attest there too, and their cookie is for plain HTTP")
    func components() async throws {
        try await RunningServer.run {
            $0.guestsListen = .init(host: "127.0.0.1", port: 0)
        } _: { server in
            try await server.put("default/key/1", "a key")
            let guests = RunningServer(
                base: try #require(server.guestBase), port: server.port, log: server.log, settings: server.settings)
            let guest = try guests.components()
            #expect(try await guest.get("default/key/1").resource == Array("a key".utf8))
        }
    }

    @Test("Nothing administrative is there, nor metrics or the API's description, whoever asks; B3")
    func nothingElse() async throws {
        try await withTLS { server, administrators, guests in
            try await register("app", over: administrators)
            let opened = try await BrokerAssembly(opening: server.settings)
            let token = try await opened.administrator.createToken(
                .admin, description: "", lifetime: 60
            ).token
            let api = try await RunningServer.send(
                "GET", to: "https://127.0.0.1:\(server.port)/openapi.json", over: try authority.client())
            let described = try #require(
                try JSONSerialization.jsonObject(with: Data(api.body.utf8)) as? [String: Any])["paths"]
            let paths = try #require(described as? [String: [String: Any]])
            var tried = 0
            for (path, methods) in paths where path.hasPrefix("/api/") || path.hasPrefix("/kbs/") {
                for method in methods.keys.map({ $0.uppercased() })
                where ["GET", "PUT", "POST", "PATCH", "DELETE"].contains(method) {
                    let name = "\(method) \(path)"
                    let isGuests =
                        ["/kbs/v0", "/kbs/v0/auth", "/kbs/v0/attest"].contains(path)
                        || path.hasPrefix("/kbs/v0/key/") || method == "GET" && path.hasPrefix("/kbs/v0/resource/")
                    guard !isGuests else { continue }
                    tried += 1
                    for headers in [[], [("Authorization", "Bearer \(token)")]] {
                        let reply = try await RunningServer.send(
                            method, to: guests + path.replacing("{", with: "").replacing("}", with: ""),
                            method == "GET" ? "".utf8 : "{}".utf8,
                            headers: headers + [("Content-Type", "application/json")])
                        #expect(reply.status == 404, "\(name)")
                    }
                }
            }
            #expect(tried > 30)
            for path in ["/metrics", "/readyz", "/openapi.json", "/.well-known/jwks.json", "/kbs/v0/resource-policy"] {
                #expect(try await RunningServer.send("GET", to: guests + path).status == 404, "\(path)")
            }
            // An administrator's token is no guest's either.
            let resource = try await RunningServer.send(
                "GET", to: guests + "/kbs/v0/resource/a/b/c", headers: [("Authorization", "Bearer \(token)")])
            #expect(resource.status == 401)
            let registered = try await RunningServer.send(
                "POST", to: guests + "/kbs/v0/register_workload",
                #"{"workload_id":"x","launch_measurement":"","tee_config":"","passphrase":"x"}"#.utf8,
                headers: [("Authorization", "Bearer \(token)"), ("Content-Type", "application/json")])
            #expect(registered.status == 404)
            #expect(try await opened.store.countWorkloads() == 1)
        }
    }

    @Test("The doctor finds the own server there in plain HTTP, beside a server with TLS")
    func doctor() async throws {
        try await withTLS { server, _, guests in
            var settings = server.settings
            settings.listen = .init(host: "127.0.0.1", port: server.port)
            settings.guestsListen = .init(
                host: "127.0.0.1", port: try #require(guests.split(separator: ":").last.flatMap { Int($0) }))
            let findings = await ListeningExamination(settings).findings()
            for check in ["listen.port", "guests.listen.port"] {
                #expect(
                    findings.contains { $0.check == check && $0.found.contains("served by a kbs") }, "\(findings)")
            }
        }
    }

    @Test("It goes on with the server's certificate renewed, and ends with the server")
    func reloadAndStop() async throws {
        let files = try authority.issueFiles("server").write(folder)
        let server = try await ServerProcess.start(
            folder, "--tls-certificate", files.certificate.path, "--tls-key", files.key.path, "--set",
            "guests.listen=127.0.0.1:0")
        func address(_ message: String) throws -> String {
            let line = try #require(server.log.split(separator: "\n").first { $0.contains(message) })
            return String(try #require(line.firstMatch(of: /address=(https?:\/\/[0-9.:]+)/)).1)
        }
        while !server.log.contains("] Listening.") { try await Task.sleep(for: .milliseconds(10)) }
        let guests = try address("Listening for guests alone.")
        try await register(
            "app", over: GuestTransport(base: try address("] Listening."), client: try authority.client()))
        _ = try authority.issueFiles("server").write(folder)
        server.send(signal: SIGHUP)
        let plain = GuestTransport(base: guests, client: .shared)
        for _ in 0..<3 {
            #expect(try await Simulated.guest("app").boot(over: plain) == Array("a secret".utf8))
            try await Task.sleep(for: .milliseconds(50))
        }
        server.send(signal: SIGTERM)
        #expect(try await server.ends(within: .seconds(60)))
        await #expect(throws: (any Error).self) { try await RunningServer.send("GET", to: "\(guests)/livez") }
    }

    @Test("An address that is taken is named, and the doctor says so too")
    func taken() async throws {
        try await RunningServer.run { server in
            let port = server.port
            let failure = await #expect(throws: (any Error).self) {
                try await RunningServer.run({ $0.guestsListen = .init(host: "127.0.0.1", port: port) }) { _ in }
            }
            #expect(failure.map { "\($0)" }?.contains("127.0.0.1:\(port) is in use") == true)
            // The doctor asks at that address whether it is a kbs.
            var settings = Settings()
            settings.dataFolder = folder.file("data")
            settings.listen = .init(host: "127.0.0.1", port: 0)
            settings.guestsListen = .init(host: "127.0.0.1", port: port)
            let findings = await Doctor(settings, listening: ListeningExamination(settings)).examine()
            #expect(
                findings.contains { $0.check == "guests.listen.port" && $0.found.contains("served by a kbs") })
        }
        var settings = Settings()
        settings.dataFolder = folder.file("data")
        // Documentation's, so no machine has it.
        settings.guestsListen = .init(host: "192.0.2.1", port: 8_081)
        let findings = await Doctor(settings, listening: ListeningExamination(settings)).examine()
        #expect(findings.contains { $0.check == "guests.listen.port" && $0.level == .problem })
    }
}
