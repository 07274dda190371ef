import Broker
import BrokerSupport
import Bytes
import Crypto
import EdgeSupport
import EvidenceSupport
import Formats
import Foundation
@testable import Installation
import TestSupport
import Testing

@testable import Server

/// JWTs as kbs-client (before May 2026, `--auth-private-key`) and coco_keyprovider sign them with jwt-simple: EdDSA, and no
/// `iss`, `aud` or `kid`.
@Suite("Operators' keys; E7")
struct OperatorKeyTests {
    private let key = Curve25519.Signing.PrivateKey()

    private func token(
        _ key: Curve25519.Signing.PrivateKey? = nil, expiresIn seconds: Int? = 7_200, algorithm: String = "EdDSA"
    ) throws -> String {
        let now = Int(Date().timeIntervalSince1970)
        var claims: JSONValue = ["iat": .integer(now), "nbf": .integer(now)]
        claims["exp"] = seconds.map { .integer(now + $0) }
        let header: JSONValue = ["alg": .text(algorithm), "typ": "JWT"]
        let text = header.encoded.base64URL + "." + claims.encoded.base64URL
        return text + "." + (try (key ?? self.key).signature(for: text.utf8)).base64URL
    }

    private func run(_ role: Authority, _ body: (RunningServer) async throws -> Void) async throws {
        let folder = try TemporaryFolder()
        let file = folder.file("kbs-client.pub")
        let pem = PEMDocument(label: "PUBLIC KEY", der: key.publicKey.derRepresentation).text
        try Data(pem.utf8).write(to: file)
        try await RunningServer.run {
            $0.operatorKeys = [(file, role)]
        } _: { server in
            try await body(server)
        }
    }

    private func put(_ server: RunningServer, _ token: String) async throws -> RunningServer.Reply {
        try await server.send(
            "POST", "/kbs/v0/resource/default/key/1", "secret".utf8,
            headers: [("Content-Type", "application/octet-stream"), ("Authorization", "Bearer \(token)")])
    }

    @Test("A JWT of an operator's key does what its role allows, and is in the trail under the key")
    func taken() async throws {
        try await run(.registrar) { server in
            let done = try await put(server, try token())
            #expect(done.status == 200, "\(done.body)")
            let forbidden = try await server.call("GET", "/api/v1/tokens", token: try token())
            #expect(forbidden.status == 403)
            let records = try await DataFolder(server.settings.dataFolder).store.trail()
            #expect(records.contains { $0["action"] == "resource.put" && $0["actor"]?.hasPrefix("key:") == true })
            let start = try #require(records.first { $0["action"] == "server.start" })
            #expect(start["switches"]?.contains("jwt.operator_keys") == true)
            // With a key set up, nobody administers without credentials.
            let anonymous = try await server.send("GET", "/api/v1/workloads")
            #expect(anonymous.status == 401)
        }
    }

    @Test("A JWT that is good for longer than two hours, has expired, never does or is another key's is refused")
    func refused() async throws {
        try await run(.admin) { server in
            for (token, says) in [
                (try token(expiresIn: 7_300), "two hours"), (try token(expiresIn: -60), "has expired"),
                (try token(expiresIn: nil), "never expires"),
                (try token(Curve25519.Signing.PrivateKey()), "no JWTs"),
                (try token(algorithm: "ES256"), "no JWTs"), (try token(algorithm: "none"), "no JWTs"),
            ] {
                let reply = try await put(server, token)
                #expect(reply.status == 401 && reply.body.contains(says), "\(says): \(reply.body)")
            }
        }
    }

    @Test("Without the setting no such JWT is taken")
    func off() async throws {
        try await RunningServer.run { server in
            let reply = try await put(server, try token())
            #expect(reply.status == 401)
        }
    }

    @Test("A file that holds no Ed25519 public key is said for what it is")
    func otherFiles() throws {
        let folder = try TemporaryFolder()
        let other = P256.Signing.PrivateKey().publicKey.derRepresentation
        for (text, says) in [
            ("", "nothing in PEM"), (PEMDocument(label: "PRIVATE KEY", der: [0x30, 0]).text, "PRIVATE KEY"),
            (PEMDocument(label: "PUBLIC KEY", der: other).text, "not an Ed25519 public key"),
        ] {
            let file = folder.file("key.pem")
            try Data(text.utf8).write(to: file)
            var settings = Settings()
            settings.operatorKeys = [(file, .admin)]
            let fault = #expect(throws: InvalidSetting.self) { try settings.readOperatorKeys() }
            #expect(fault?.description.contains(says) == true, "\(fault?.description ?? "")")
        }
    }
}
