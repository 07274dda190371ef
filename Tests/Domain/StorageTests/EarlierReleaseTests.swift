import BrokerSupport
import Bytes
import Crypto
import Evidence
import EvidenceSupport
import Foundation
import HTTP
import HTTPClient
import MasterKeys
import SQLite
import SimulatedHardware
import TestSupport
import Testing

@testable import Broker
@testable import Storage

/// A data folder as 0.2.0 makes it: something in each table, and a rotated master key.
private struct EarlierFolder {
    let folder: TemporaryFolder
    var data: String { folder.file("data").path }
    var database: URL { folder.file("data/kbs.sqlite") }
    /// Of the workload `app`, and of `default/key/1`.
    let secrets = (workload: "sesame", resource: "eins", newResource: "zwei")
    /// Shown once, by `kbs token create`.
    let token: String
    /// The cookie of a guest of `app`, which has attested, and of one of Confidential Containers.
    let cookies: (libkrun: String, components: String)
    let components: GuestComponents

    init() async throws {
        folder = try TemporaryFolder()
        let (files, data) = (folder, folder.file("data").path)
        func write(_ name: String, _ text: String) throws -> String {
            try Data(text.utf8).write(to: files.file(name))
            return files.file(name).path
        }
        let roots = try write("roots.json", String(decoding: try JSONEncoder().encode(Simulated.roots), as: UTF8.self))
        let measurement = Hex.encode(Simulated.measurement("app"))
        func kbs(_ arguments: [String], _ input: String = "") async throws -> String {
            try await EarlierRelease.run(arguments + ["--data", data], input: input)
        }
        let server = try await EarlierRelease.Server(["--data", data, "--trust-simulated-root", roots])
        for id in ["app", "gone", "off"] {
            _ = try await kbs(["workload", "add", id, "--measurement", measurement], secrets.workload)
        }
        _ = try await kbs(["workload", "remove", "gone"])
        _ = try await kbs(["workload", "disable", "off"])
        let values = try write(
            "values.toml", "kind = \"measurement\"\nvalues = [\"\(measurement)\"]\nsource = \"a test\"\n")
        let policy = try write("policy.toml", "description = \"späte Gäste\"\nmeasurements = [\"@web-1\"]\n")
        _ = try await kbs(["reference", "set", "web-1", values])
        _ = try await kbs(["policy", "set", "web", policy])
        _ = try await kbs(["resource", "put", "default/key/1", "--policy", "web"], secrets.resource)
        _ = try await kbs(["resource", "put", "default/key/1"], secrets.newResource)
        token = try await kbs(["token", "create", "--role", "auditor", "--description", "für Prüfer"])
            .trimmingCharacters(in: .whitespacesAndNewlines)

        let guest = try Simulated.guest("app")
        let transport = GuestTransport.http(server.base)
        let challenge = try await guest.challenge(over: transport)
        try await guest.attest(challenge, over: transport)
        components = try GuestComponents(
            .snp(guest.template, guest.signer, certificates: guest.certificates), sending: http(server.base))
        let second = try await components.challenge()
        _ = try await components.attest(second)
        cookies = (challenge.cookie, second.cookie)
        #expect(try await components.fetch("default/key/1", cookie: second.cookie) == Array(secrets.newResource.utf8))
        // One that is refused, and its attempt.
        _ = try? await Simulated.guest("other").boot(over: transport)
        _ = try await kbs(["keys", "rotate"])
        try await server.stop()
    }

    func keys() throws -> KeyRing {
        try KeyRing { _ in try KeyFile(folder.file("data/master.key")).read() }
    }

    func broker(_ store: any Broker.Storage) throws -> Broker {
        Broker(store: store, endorsements: NoEndorsements(), keys: try keys(), anchors: try Simulated.anchors)
    }
}

private func http(_ base: String) -> GuestComponents.Send {
    { request in
        var asked = HTTPClientRequest(
            HTTPRequest.Method(request.method) ?? .get, url: base, path: request.path, body: request.body)
        for (name, value) in request.headers { try asked.add(try #require(HTTPField.Name(name)), value) }
        let answer = try await HTTP1Client().execute(asked, timeout: .seconds(60), upTo: 1 << 22)
        return GuestComponents.Answer(
            status: UInt(answer.status.code), setCookie: answer.headers[.setCookie], body: answer.body)
    }
}

extension GuestTransport {
    fileprivate static func http(_ base: String) -> GuestTransport {
        GuestTransport { call in
            var asked = HTTPClientRequest(
                HTTPRequest.Method(call.method.rawValue) ?? .get, url: base, path: "/kbs/v0\(call.path)",
                body: call.body)
            if call.body != nil { try asked.add(.contentType, "application/json") }
            if let cookie = call.cookie { try asked.add(.cookie, "session_id=\(cookie)") }
            let answer = try await HTTP1Client().execute(asked, timeout: .seconds(60), upTo: 1 << 20)
            let set = answer.headers[.setCookie]?.split(separator: ";").first?.split(separator: "=").last
            return Reply(
                status: answer.status.code, cookie: set.map { String($0) }, retryAfter: nil, body: answer.body)
        }
    }
}

@Suite("What 0.2.0 wrote", .enabled(if: EarlierRelease.isPresent), .timeLimit(.minutes(10)))
struct EarlierReleaseTests {
    /// Everything that a store gives, held against what was put in.
    private func examine(_ store: any ExaminedStore, of earlier: EarlierFolder) async throws {
        let (keys, broker) = (try earlier.keys(), try earlier.broker(store))
        #expect(keys.held.previous.count == 1)
        #expect(try await Resealing.unopened(with: keys, in: store).isEmpty)
        #expect(try await store.workloads(after: "", limit: 9).map(\.id.text) == ["app", "off"])
        #expect(try await store.workload(WorkloadID("off"))?.isDisabled == true)
        let secret = try #require(try await store.sealedSecret(of: WorkloadID("app")))
        #expect(secret.sealed.masterKey == keys.held.active.id)
        let opened = try await keys.open(secret.sealed, of: secret.workload)
        #expect(opened.withBytes { Array($0) } == Array(earlier.secrets.workload.utf8))

        let path = try ResourcePath("default/key/1")
        let resource = try #require(try await store.sealedResource(path))
        let bytes = try await keys.open(resource.sealed, for: path, version: resource.resource.current.number)
        #expect(bytes.withBytes { Array($0) } == Array(earlier.secrets.newResource.utf8))
        #expect(try await store.versions(of: path).map(\.number) == [2, 1])
        let policy = try #require(try await store.policyInForce(PolicyName("web")))
        #expect(policy.policy.description == "späte Gäste")
        #expect(policy.references.values.first?.values == [Simulated.measurement("app")])

        let (id, text) = try #require(AccessToken.parse(earlier.token))
        let token = try #require(try await store.token(id))
        #expect(token.matches(text) && token.role == .auditor && token.description == "für Prüfer")

        // The broker takes sessions that 0.2.0 opened: the challenge's seal, the session's code, the guest's claims.
        _ = try await broker.release("app", session: [earlier.cookies.libkrun])
        let guest = try await broker.guest(session: [earlier.cookies.components])
        #expect(guest.claims.snp?.measurement == Simulated.measurement("app"))
        #expect(guest.verdict.accepted)
        let released = try await broker.releaseResource(path, to: .attested(guest), stating: { [] }) { secret, _ in
            secret.withBytes { Array($0) }
        }
        #expect(released == Array(earlier.secrets.newResource.utf8))

        let attempts = try await store.attempts(AttemptSelection(), before: .max, limit: 20)
        #expect(attempts.contains { $0.verdict?.accepted == true })
        try await verifyTrail(store, of: earlier)
    }

    private func verifyTrail(_ store: any ExaminedStore, of earlier: EarlierFolder) async throws {
        let stored = try #require(try await store.serverKeys(named: "audit checkpoints").last)
        let key = try CheckpointKey(
            try await earlier.keys().open(stored.sealed, for: stored.name, id: stored.id))
        let lines = try String(contentsOf: earlier.folder.file("data/checkpoints"), encoding: .utf8)
            .split(separator: "\n")
        let checkpoints = try lines.map { try Checkpoint(line: $0) }
        #expect(checkpoints.count >= 2 && checkpoints.allSatisfy { $0.isSigned(by: key.publicKey) })
        #expect(checkpoints.map(\.line) == lines.map { String($0) })
        var verifier = TrailVerifier(checkpoints: checkpoints)
        for entry in try await store.auditEntries(after: 0, limit: 100_000) { try verifier.read(entry) }
        try verifier.finish()
        #expect(verifier.confirmed == checkpoints.count)
    }

    /// Changes that 0.2.0 is to understand.
    private func change(_ store: any ExaminedStore, of earlier: EarlierFolder) async throws {
        let broker = try earlier.broker(store)
        try await broker.register(Simulated.registration("later", secret: "neu"))
        let path = try ResourcePath("default/key/2")
        _ = try await broker.putResource(
            path, Secret(Array("drei".utf8)), policy: .named(PolicyName("web")), by: .server)
        let (token, text) = try AccessToken.make(role: .admin, description: "later", lifetime: 3_600, at: Date())
        try await store.insert(token, recording: AuditRecord(.createToken, by: .server, at: Date()))
        try Data(text.utf8).write(to: earlier.folder.file("token"))
    }

    /// 0.2.0 on what was changed: it lists, verifies, serves, and opens every secret to seal it under a new key.
    private func continueWithEarlier(_ earlier: EarlierFolder, _ options: [String]) async throws {
        func kbs(_ arguments: String...) async throws -> String { try await EarlierRelease.run(arguments + options) }
        #expect(try await kbs("workload", "list").contains("later"))
        #expect(try await kbs("audit", "verify").contains("The trail is intact"))
        #expect(try await kbs("resource", "list").contains("default/key/2"))
        let server = try await EarlierRelease.Server(
            options + ["--trust-simulated-root", earlier.folder.file("roots.json").path])
        let listed = try await EarlierRelease.run([
            "policy", "list", "--url", server.base, "--token-file", earlier.folder.file("token").path,
        ])
        #expect(listed.contains("web"))
        let transport = GuestTransport.http(server.base)
        #expect(try await Simulated.guest("later").boot(over: transport) == Array("neu".utf8))
        #expect(try await Simulated.guest("app").boot(over: transport) == Array(earlier.secrets.workload.utf8))
        var components = earlier.components
        components.key = .elliptic
        let again = GuestComponents(components.hardware, key: earlier.components.key, sending: http(server.base))
        #expect(try await again.fetch("default/key/2", cookie: earlier.cookies.components) == Array("drei".utf8))
        try await server.stop()
        #expect(try await kbs("keys", "rotate").contains("were sealed under"))
        #expect(try await kbs("audit", "verify").contains("The trail is intact"))
    }

    @Test("A data folder opens, gives up its secrets and verifies, and 0.2.0 goes on with it afterwards")
    func folder() async throws {
        let earlier = try await EarlierFolder()
        let inspection = try DatabaseInspection(earlier.database)
        #expect(!inspection.isNewer && !inspection.isOlder && inspection.damage.isEmpty)
        #expect(inspection.schema == ["v1", "v2", "v3", "v4", "v5"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: earlier.data).count { $0.contains("-wal") } == 0)
        let store = try SQLiteStore(file: earlier.database)
        try await examine(store, of: earlier)
        try await change(store, of: earlier)
        try store.close()
        try await continueWithEarlier(earlier, ["--data", earlier.data])
    }

    @Test("Its schema is the one that is made now, to the letter")
    func schema() async throws {
        let earlier = try await EarlierFolder()
        let new = earlier.folder.file("new.sqlite")
        try SQLiteStore(file: new).close()
        func schema(_ file: URL) throws -> [String] {
            try DatabaseQueue(path: file.path).read {
                try String.fetchAll($0, sql: "SELECT name || ' ' || coalesce(sql, '') FROM sqlite_master ORDER BY name")
            }
        }
        #expect(try schema(earlier.database) == schema(new))
    }

    @Test("The same with what it keeps in PostgreSQL")
    func postgreSQL() async throws {
        let earlier = try await EarlierFolder()
        let database = try await PostgreSQLCluster.shared.newDatabase()
        let uri = try await PostgreSQLCluster.shared.uri(database)
        try await EarlierRelease.run(
            ["storage", "copy", "--from", earlier.data, "--to", uri, "--data", earlier.data])
        let store = try await PostgreSQLStore(PostgreSQLConfiguration(uri: uri, connections: 5, timeout: .seconds(30)))
        try await examine(store, of: earlier)
        try await change(store, of: earlier)
        await store.close()
        let settings = earlier.folder.file("kbs.toml")
        try Data("storage.url = \"\(uri)\"\ndata = \"\(earlier.data)\"\n".utf8).write(to: settings)
        try await continueWithEarlier(earlier, ["--config", settings.path])
    }
}
