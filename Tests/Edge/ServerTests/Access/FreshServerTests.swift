import Administration
import Broker
import BrokerSupport
import Bytes
import EvidenceSupport
import Foundation
import HTTP
import HTTPClient
import Installation
import Server
import TestSupport
import Testing

/// Until somebody has set up who administers.
@Suite("A fresh server")
struct FreshServerTests {
    private static let registration =
        #"{"workload_id":"app","launch_measurement":"\#(String(repeating: "ab", count: 48))","tee_config":"","#
        + #""passphrase":"x"}"#

    private static let json = [("Content-Type", "application/json")]

    @Test("Nobody administers it over TCP without credentials, whether a proxy is between or not; F6")
    func nobody() async throws {
        try await RunningServer.run {
            $0.opensAdministration = false
        } _: { server in
            #expect(server.log.lines.contains { $0.contains("all else that is administration needs a token") })
            // As nginx passes it on by itself: no field says that it was there.
            for fields in [[], [("Host", "127.0.0.1")], [("X-Forwarded-For", "192.0.2.1")]] {
                for (method, path) in [
                    ("GET", "/api/v1/workloads"), ("GET", "/api/v1/tokens"), ("GET", "/api/v1/audit"),
                    ("GET", "/api/v1/settings"), ("GET", "/kbs/v0/resource-policy"),
                ] {
                    let reply = try await server.sendRaw(method, path, fields: fields)
                    #expect(reply.status == 401, "\(method) \(path) \(fields)")
                }
            }
            let put = try await server.send("POST", "/kbs/v0/resource/a/b/c", "x".utf8)
            #expect(put.status == 401 && put.body.contains("kbs token create"))
            let made = try await server.send(
                "POST", "/api/v1/tokens", #"{"role":"admin"}"#.utf8, headers: Self.json)
            #expect(made.status == 401)
            let other = try await server.send(
                "POST", "/api/v1/workloads", #"{"id":"x"}"#.utf8, headers: Self.json)
            #expect(other.status == 401)
        }
    }

    @Test("Workloads are registered with the guests' protocol from this machine, by clients without credentials")
    func registering() async throws {
        try await RunningServer.run {
            $0.opensAdministration = false
        } _: { server in
            let path = "/kbs/v0/register_workload"
            #expect(try await server.send("POST", path, Self.registration.utf8, headers: Self.json).status == 200)
            let proxied = try await server.send(
                "POST", path, Self.registration.utf8, headers: Self.json + [("X-Forwarded-For", "192.0.2.1")])
            #expect(proxied.status == 403)
            // Until the first token is made, at the data folder.
            let opened = try await BrokerAssembly(opening: server.settings)
            let token = try await opened.administrator.createToken(
                .admin, description: "", lifetime: 3_600
            ).token
            #expect(try await server.send("POST", path, Self.registration.utf8, headers: Self.json).status == 401)
            let workloads = try await server.send(
                "GET", "/api/v1/workloads", headers: [("Authorization", "Bearer \(token)")])
            #expect(workloads.status == 200 && workloads.body.contains("\"app\""))
            try await opened.store.close()
        }
    }

    @Test("On a public address nothing is open, also to this machine and with insecure_admin, and the log says so")
    func publicly() async throws {
        try await RunningServer.run {
            $0.opensAdministration = true
            $0.listen.host = "0.0.0.0"
            $0.tls.allowsInsecureHTTP = true
            $0.registrationNetworks = .loopback
        } _: { server in
            #expect(server.log.lines.contains { $0.contains("administration over the network needs a token") })
            #expect(!server.log.lines.contains { $0.contains("registered from this machine") })
            #expect(server.log.lines.contains { $0.contains("insecure_admin is ignored") })
            let reply = try await RunningServer.send(
                "POST", to: "http://127.0.0.1:\(server.port)/kbs/v0/register_workload", Self.registration.utf8,
                headers: Self.json)
            #expect(reply.status == 401)
        }
    }

    @Test("Its own user administers it over its Unix socket, and makes the first token there")
    func socket() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("kbs.sock").path(percentEncoded: false)
        try await RunningServer.run {
            $0.opensAdministration = false
            $0.socket.path = path
        } _: { server in
            let over = Administrator(url: "unix:\(path)", token: nil, client: HTTP1Client())
            let token = try await over.createToken(.admin, description: "first", lifetime: 3_600).token
            let tokens = try await server.send("GET", "/api/v1/tokens", headers: [("Authorization", "Bearer \(token)")])
            #expect(tokens.status == 200)
            await #expect(throws: (any Error).self, "no longer without credentials") { try await over.tokens() }
        }
    }

    @Test("For a trial everyone on this machine administers, where a setting says so, and the log says it loudly")
    func trial() async throws {
        try await RunningServer.run { server in
            #expect(server.log.lines.contains { $0.contains("EVERYONE ON THIS MACHINE IS AN ADMINISTRATOR") })
            let workloads = try await server.send("GET", "/api/v1/workloads")
            #expect(workloads.status == 200)
        }
        #expect(!Settings().opensAdministration)
    }
}
