import Administration
import Broker
import BrokerSupport
import EdgeSupport
import Foundation
import Installation
import Operators
import Server
import TLS
import TLSSupport
import TestSupport
import Testing
import X509

@Suite("Client certificates and their roles")
struct ClientCertificateTests {
    private let folder: TemporaryFolder
    private let authority: TestAuthority
    private let clients: TestAuthority

    init() throws {
        folder = try TemporaryFolder()
        authority = try TestAuthority()
        clients = try TestAuthority("Clients")
    }

    private func with(_ roles: [String], _ body: (_ ask: Ask, RunningServer) async throws -> Void) async throws {
        let files = try authority.issueFiles("server").write(folder)
        let file = folder.file("clients.crt")
        try Data(clients.pem.utf8).write(to: file)
        try await RunningServer.run { settings in
            (settings.tls.certificate, settings.tls.key) = (files.certificate, files.key)
            settings.tls.clientAuthorities = file
            settings.clientCertificates = try ClientCertificates(roles)
        } _: { server in
            try await body(Ask(authority: authority, port: server.port), server)
        }
    }

    /// A request over TLS, with a client certificate or none.
    private struct Ask {
        let authority: TestAuthority
        let port: Int

        func callAsFunction(
            _ path: String, as identity: TestAuthority.Issued? = nil, token: String? = nil
        ) async throws -> Int {
            let socket = try await TLSTestSocket.connect(port, try TLSContext(authority.clientTLS(identity)))
            return try await socket.status(of: path, token: token)
        }
    }

    @Test("A certificate has the role of its name, and without one that is listed it has none")
    func roles() async throws {
        try await with(["cn:ops=admin", "cn:watcher=auditor"]) { ask, server in
            let ops = try clients.issueFiles("ops", for: .clients)
            #expect(try await ask("/api/v1/tokens", as: ops) == 200)
            let watcher = try clients.issueFiles("watcher", for: .clients)
            #expect(try await ask("/api/v1/attempts", as: watcher) == 200)
            #expect(try await ask("/api/v1/tokens", as: watcher) == 403)
            #expect(try await ask("/api/v1/workloads", as: try clients.issueFiles("other", for: .clients)) == 401)
            #expect(try await ask("/api/v1/workloads") == 401, "roles are set up, so nobody comes without")
            #expect(try await ask("/livez") == 200)
            let store = try await DataFolder(server.settings.dataFolder).store
            let denied = try await store.trail().first { $0["code"] == "forbidden" }
            #expect(denied?["actor"] == "certificate:cn:watcher")
        }
    }

    @Test("A certificate's role may have a scope")
    func scoped() async throws {
        try await with(["cn:ci=auditor:team-a/"]) { ask, _ in
            let ci = try clients.issueFiles("ci", for: .clients)
            #expect(try await ask("/api/v1/resources/team-a/key/1", as: ci) == 404)
            #expect(try await ask("/api/v1/resources/team-b/key/1", as: ci) == 403)
            #expect(try await ask("/api/v1/attempts", as: ci) == 403)
        }
        #expect(throws: Refusal.self) { try ClientCertificates(["cn:ci=auditor:team-a"]) }
    }

    @Test("A name in other bytes has no role, though it looks the same")
    func lookAlike() async throws {
        try await with(["cn:Kevin=admin"]) { ask, _ in
            let other = try clients.issueFiles("\u{212A}evin", for: .clients)
            #expect(try await ask("/api/v1/tokens", as: other) == 401)
            #expect(try await ask("/api/v1/tokens", as: try clients.issueFiles("Kevin", for: .clients)) == 200)
        }
    }

    @Test("A connection loses its certificate's role when the authorities are replaced")
    func replacedAuthorities() async throws {
        try await with(["cn:ops=admin"]) { _, server in
            let ops = try clients.issueFiles("ops", for: .clients)
            let socket = try await TLSTestSocket.connect(server.port, try TLSContext(authority.clientTLS(ops)))
            #expect(try await socket.status(of: "/api/v1/tokens") == 200)
            // It proves the same name, but not to these.
            try Data(TestAuthority("Others").pem.utf8).write(to: folder.file("clients.crt"))
            while !server.log.lines.contains(where: { $0.contains("The TLS certificate was replaced.") }) {
                try await Task.sleep(for: .milliseconds(20))
            }
            #expect(try await socket.status(of: "/api/v1/tokens") == 401)
        }
    }

    @Test("A wrong token is refused though the certificate would do")
    func precedence() async throws {
        try await with(["dns:localhost=admin"]) { ask, _ in
            let ops = try clients.issueFiles("ops", for: .clients)
            #expect(try await ask("/api/v1/tokens", as: ops) == 200)
            #expect(try await ask("/api/v1/tokens", as: ops, token: "kbs_000000000000_x") == 401)
        }
    }

    @Test("Roles of certificates are written as a kind, a name and a role")
    func entries() throws {
        #expect(try ClientCertificates(["uri:spiffe://a/b=c=admin", "email:a@example.org=auditor"]).isEmpty == false)
        for entry in ["ops=admin", "cn:ops", "cn:ops=root", "ou:ops=admin", "=admin", ""] {
            #expect(throws: Refusal.self, "\(entry)") { try ClientCertificates([entry]) }
        }
        let alone = #expect(throws: InvalidSetting.self) {
            try Settings.resolve(
                flags: [try #require(SettingKey.named("tls.client_roles")): "cn:ops=admin"], environment: [:], file: nil
            )
        }
        #expect(alone?.description.contains("tls.client_ca") == true)
    }
}
