import Administration
import Broker
import BrokerSupport
import Bytes
import Endorsements
import Evidence
import EvidenceSupport
import Foundation
import HTTPServer
@testable import Installation
import Crypto
import Formats
import JOSE
import MasterKeys
import OpenPolicyAgent
import Operators
@testable import Server
import SimulatedHardware
import Storage
import TLSSupport
import TestSupport
import Testing

/// An installation that has been served from, with a workload in it, and nothing wrong.
private struct Installation {
    let folder: TemporaryFolder
    var settings = Settings()
    var data: URL { settings.dataFolder }
    var database: URL { data.appending(path: "kbs.sqlite") }

    init() async throws {
        folder = try TemporaryFolder()
        settings.dataFolder = folder.file("data")
        settings.listen = .init(host: "127.0.0.1", port: 0)
        settings.policy.snp.minimumTCB[.milan] = TCBVersion(bootLoader: 3, tee: 0, snp: 20, microcode: 209)
        let opened = try await BrokerAssembly(opening: settings)
        try await opened.broker.register(Simulated.registration("web"))
        let (token, _) = try AccessToken.make(role: .admin, description: "", lifetime: 3_600, at: Date())
        try await opened.store.insert(token, recording: AuditRecord(.createToken, by: .server, at: Date()))
        let trail = try await Trail(opened.folder, settings)
        try settings.checkpoints.append(
            try Checkpoint(try await opened.store.auditHead(), at: Date(), signedBy: trail.key))
        try await opened.store.close()
    }

    /// What is not well, apart from the clock, which is the machine's.
    func complaints(
        _ change: (inout Settings) throws -> Void = { _ in }, now: Date = Date(), isOnline: Bool = false
    ) async throws -> [String: Finding] {
        var settings = settings
        try change(&settings)
        let findings = await Doctor(
            settings, listening: ListeningExamination(settings), isOnline: isOnline, now: now
        ).examine()
        return Dictionary(
            findings.filter { $0.level != .ok && $0.check != "clock" }.map { ($0.check, $0) },
            uniquingKeysWith: { a, _ in a })
    }

    func tamper(_ sql: String) throws {
        let store = try SQLiteStore(file: database)
        try store.tamper(sql)
        try store.close()
    }

    func setMode(_ mode: Int, of file: URL) throws {
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file.path)
    }
}

@Suite("The doctor")
struct DoctorTests {
    @Test("A policy that asks an agent is named on a server without one")
    func agent() async throws {
        let place = try await Installation()
        let opened = try await BrokerAssembly(opening: place.settings)
        var policy = Policy(name: try PolicyName("asks"))
        policy.measurements = [.value(Simulated.measurement("app"))]
        policy.agentDecision = "policy/allow"
        try await PolicyLibrary(opened.store).set(policy, document: "", by: .server)
        try await opened.store.close()
        let finding = try await place.complaints()["policy.opa"]
        #expect(finding?.found.contains("policy asks: it asks an Open Policy Agent") == true)
        let withAgent = try await place.complaints {
            try SettingKey.policyAgentURL.apply("https://opa.example.org", to: &$0)
        }
        #expect(withAgent["policy.opa"] == nil)
    }

    @Test("Policies whose reference values let nobody in, soon will not, or have a successor are named")
    func references() async throws {
        let place = try await Installation()
        #expect(try await place.complaints().keys.allSatisfy { !$0.hasPrefix("references") })
        let opened = try await BrokerAssembly(opening: place.settings)
        let library = PolicyLibrary(opened.store)
        let (name, next) = (try PolicyName("web-1"), try PolicyName("web-2"))
        let day = Date(timeIntervalSince1970: 2_000_000_000)
        for (set, expires) in [(name, day), (next, Date.distantFuture)] {
            try await library.set(
                ReferenceValueSet(
                    name: set, kind: .measurement, values: [Simulated.measurement("app")], source: "",
                    expires: expires == day ? day : nil), by: .server)
        }
        var policy = Policy(name: try PolicyName("web"))
        policy.measurements = [.set(name)]
        try await library.set(policy, document: "", by: .server)
        func complaint(_ days: Double) async throws -> Finding? {
            try await place.complaints(now: day + days * 86_400).first { $0.key.hasPrefix("references") }?.value
        }
        #expect(try await complaint(-8) == nil)
        #expect(try await complaint(-6)?.check == "references.expiry")
        let over = try #require(try await complaint(0))
        #expect(over.check == "references.expired" && over.found.contains("policy web: @web-1 has 1 value, EXPIRED on"))
        _ = try await library.change(
            name, by: .retirement(values: nil, after: nil, for: next), by: .server)
        #expect(try await complaint(-8)?.check == "references.superseded")
        try await opened.store.close()
    }

    @Test("What else keeps a server from starting is said: tokens' keys, and authorities of an agent and a collector")
    func start() async throws {
        let place = try await Installation()
        let missing = place.folder.file("none.pem")
        let alone = try await place.complaints { $0.guestComponents.tokenCertificate = missing }
        #expect(alone["token"]?.level == .problem && alone["token"]?.found.contains("belong together") == true)
        let open = try await place.complaints { $0.guestComponents.trustedIssuers = [("https://as.example.org", "/k")] }
        #expect(open["token"]?.found.contains("token.trusted_audience") == true)
        let agent = try await place.complaints {
            $0.agent.baseURL = "https://opa.example.org"
            $0.policyAgentAuthorities = missing
        }
        #expect(agent["policy.opa"]?.found.contains("policy.opa.ca") == true)
        let traced = try await place.complaints {
            $0.tracing.endpoint = "https://collector.example.org"
            $0.tracing.authorities = missing
        }
        #expect(traced["tracing"]?.found.contains("tracing.otlp_ca") == true)
        #expect(try await place.complaints { $0.tracing.authorities = missing }.isEmpty, "nobody is sent spans")
    }

    @Test("Of an installation that is right it says nothing bad, and each finding that is bad says what to do")
    func healthy() async throws {
        let healthy = try await Installation()
        let found = try await healthy.complaints()
        #expect(found.isEmpty, "\(found)")
    }

    @Test("It changes nothing, whether there is a folder or not")
    func readsOnly() async throws {
        let there = try await Installation()
        func state() throws -> [String: Data] {
            var state: [String: Data] = [:]
            for name in try FileManager.default.contentsOfDirectory(atPath: there.data.path) {
                state[name] = try Data(contentsOf: there.data.appending(path: name))
            }
            return state
        }
        let before = try state()
        _ = try await there.complaints()
        #expect(try state() == before)
        let nothing = there.folder.file("nothing")
        let found = try await there.complaints { $0.dataFolder = nothing }
        #expect(!found.values.contains { $0.level == .problem })
        #expect(!FileManager.default.fileExists(atPath: nothing.path))
    }

    @Test("It reads a database that a server works on")
    func running() async throws {
        try await RunningServer.run { server in
            try await server.register("web")
            var settings = server.settings
            settings.listen.port = server.port
            settings.simulatedRoots = nil
            settings.opensAdministration = false
            let findings = await Doctor(settings, listening: ListeningExamination(settings)).examine()
            #expect(!findings.contains { $0.level == .problem }, "\(findings)")
            #expect(findings.contains { $0.check == "database" && $0.found.contains("1 workloads") })
            #expect(findings.contains { $0.check == "listen.port" && $0.found.contains("served by a kbs") })
        }
    }

    @Test("A folder or file that others can see, or that is another user's, is told", .enabled(if: getuid() == 0))
    func folder() async throws {
        let open = try await Installation()
        try open.setMode(0o755, of: open.data)
        #expect(try await open.complaints().keys.sorted() == ["data.mode"])
        try open.setMode(0o700, of: open.data)
        try FileManager.default.setAttributes([.ownerAccountID: 65_532], ofItemAtPath: open.database.path)
        #expect(try await open.complaints()["data.owner"]?.level == .problem)
        try FileManager.default.setAttributes([.ownerAccountID: 65_532], ofItemAtPath: open.data.path)
        for name in try FileManager.default.contentsOfDirectory(atPath: open.data.path) {
            try FileManager.default.setAttributes(
                [.ownerAccountID: 65_532], ofItemAtPath: open.data.appending(path: name).path)
        }
        #expect(try await open.complaints()["data.owner"]?.level == .warning)
    }

    @Test("A folder that is a file, or that cannot be made, is a problem")
    func noFolder() async throws {
        let other = try await Installation()
        #expect(try await other.complaints { $0.dataFolder = URL(filePath: "/dev/null") }["data.folder"] != nil)
        #expect(
            try await other.complaints { $0.dataFolder = URL(filePath: "/dev/null/data") }["data.folder"]?.level
                == .problem)
    }

    @Test("Little room is a warning, and less a problem")
    func space() {
        func judge(_ free: UInt64, of total: UInt64 = 1 << 20) -> Finding.Level {
            FolderExamination.judge((free: free << 20, total: total << 20)).level
        }
        #expect(judge(99) == .problem && judge(100) == .warning && judge(1_024) == .ok)
        // Of a small disk a twentieth is enough.
        #expect(judge(50, of: 1_000) == .warning && judge(49, of: 1_000) == .problem)
    }

    @Test("A database that is damaged, is none, or is of another version is told")
    func database() async throws {
        let older = try await Installation()
        try older.tamper("DROP TABLE kbs_schema")
        #expect(try await older.complaints()["database.schema"]?.level == .problem)
        let newer = try await Installation()
        try newer.tamper("INSERT INTO kbs_schema VALUES (99, 99, 0)")
        #expect(try await newer.complaints()["database.schema"]?.level == .problem)
        let damaged = try await Installation()
        let handle = try FileHandle(forWritingTo: damaged.database)
        let size = try handle.seekToEnd()
        for page in stride(from: UInt64(8_192), to: size, by: 4_096) {
            try handle.seek(toOffset: page)
            try handle.write(contentsOf: Data(repeating: 0xA5, count: 64))
        }
        try handle.close()
        #expect(try await damaged.complaints()["database"]?.level == .problem)
        let none = try await Installation()
        try Data("no database, but long enough to be read as one".utf8).write(to: none.database)
        #expect(try await none.complaints()["database"]?.level == .problem)
    }

    @Test(
        "A master key that a strange group may read is a warning of the doctor's and of the server's",
        .enabled(if: geteuid() == 0))
    func readers() async throws {
        let place = try await Installation()
        let key = place.data.appending(path: "master.key")
        try #require(chown(key.path, geteuid(), 65_533) == 0 && chmod(key.path, 0o640) == 0)
        let found = try await place.complaints()["keys.readers"]
        #expect(found?.level == .warning && found?.found.contains("chmod 600") == true)
        try await RunningServer.run({ $0.dataFolder = place.data }) { server in
            #expect(server.log.lines.contains { $0.hasPrefix("warning The master key") && $0.contains("master.key") })
        }
    }

    @Test("A master key that is missing, open to others, or another database's is a problem")
    func masterKey() async throws {
        let place = try await Installation()
        let key = place.data.appending(path: "master.key")
        try place.setMode(0o644, of: key)
        #expect(try await place.complaints()["keys.master"]?.found.contains("can be read by others") == true)
        try Data((String(repeating: "ab", count: 32) + "\n").utf8).write(to: key)
        try place.setMode(0o600, of: key)
        let foreign = try await place.complaints()["keys.master"]
        #expect(foreign?.level == .problem && foreign?.found.contains("secret of web") == true)
        #expect(foreign?.found.contains("abab") == false)
        try FileManager.default.removeItem(at: key)
        #expect(try await place.complaints()["keys.master"]?.found.contains("is missing") == true)
        #expect(
            try await place.complaints { $0.masterKeys.master = try MasterKeySource("env:KBS_NO_SUCH_KEY") }[
                "keys.master"]
                != nil)
    }

    @Test("A trail that was cut, checkpoints that cannot be written, and a clock that went back are problems")
    func trail() async throws {
        let cut = try await Installation()
        try cut.tamper("DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)")
        #expect(try await cut.complaints()["audit.trail"]?.level == .problem)
        let whole = try await Installation()
        let elsewhere = try await whole.complaints { $0.checkpointFile = URL(filePath: "/proc/kbs/checkpoints") }
        #expect(elsewhere["audit.checkpoints"]?.level == .problem)
        let nothing = whole.folder.file("nothing")
        let replica = try await whole.complaints {
            $0.dataFolder = nothing
            $0.storage.url = "postgres://kbs@127.0.0.1:1/kbs"
        }
        #expect(replica["audit.checkpoints"] == nil, "the first start makes the folder")
        let past = try await whole.complaints(now: Date().addingTimeInterval(-3_000))
        #expect(past["clock.trail"]?.level == .problem)
    }

    @Test("An address of others without TLS, another's port, and one that is not this machine's are told")
    func listening() async throws {
        let place = try await Installation()
        #expect(try await place.complaints { $0.listen.host = "0.0.0.0" }["listen.tls"]?.level == .problem)
        let insecure = try await place.complaints {
            $0.listen.host = "0.0.0.0"
            $0.tls.allowsInsecureHTTP = true
        }
        #expect(insecure["listen.tls"]?.level == .warning)
        #expect(try await place.complaints { $0.listen.host = "192.0.2.1" }["listen.port"]?.level == .problem)
        let taken = try ListeningSocket(.tcp(host: "127.0.0.1", port: 0))
        guard case .tcp(_, let port) = taken.address else { return }
        #expect(try await place.complaints { $0.listen.port = Int(port) }["listen.port"]?.level == .problem)
        withExtendedLifetime(taken) {}
    }

    @Test("A certificate that expired, has no such name, is in the wrong order or without its key is told")
    func certificate() async throws {
        let place = try await Installation()
        let authority = try TestAuthority()
        func tls(_ issued: TestAuthority.Issued, _ name: String) throws -> (inout Settings) -> Void {
            let (certificate, key) = try issued.write(place.folder, name)
            try place.setMode(0o600, of: key)
            return { ($0.tls.certificate, $0.tls.key) = (certificate, key) }
        }
        let good = try authority.issueFiles("localhost")
        let chained = TestAuthority.Issued(pem: good.pem + authority.pem, keyPEM: good.keyPEM, der: good.der)
        #expect(try await place.complaints(try tls(chained, "good")).isEmpty)
        #expect(try await place.complaints(try tls(good, "alone"))["tls.chain"]?.level == .warning)
        let other = try TestAuthority("Another")
        let wrong = TestAuthority.Issued(pem: good.pem + other.pem, keyPEM: good.keyPEM, der: good.der)
        #expect(try await place.complaints(try tls(wrong, "wrong"))["tls.chain"]?.level == .problem)
        let expired = try tls(try authority.issueFiles("localhost", days: -1), "expired")
        #expect(try await place.complaints(expired)["tls.expiry"]?.level == .problem)
        let soon = try tls(try authority.issueFiles("localhost", days: 20), "soon")
        #expect(try await place.complaints(soon)["tls.expiry"]?.level == .warning)
        let early = try await place.complaints(try tls(chained, "early"), now: Date().addingTimeInterval(-86_400 * 3))
        #expect(early["tls.expiry"]?.found.contains("valid from") == true)
        let mixed = TestAuthority.Issued(
            pem: good.pem, keyPEM: try authority.issueFiles("localhost").keyPEM, der: good.der)
        #expect(try await place.complaints(try tls(mixed, "mixed"))["tls.files"]?.level == .problem)
        let named = try await place.complaints {
            try tls(chained, "named")(&$0)
            $0.listen.host = "kbs.invalid"
        }
        #expect(named["tls.names"]?.level == .warning)
        let open = try tls(chained, "open")
        try place.setMode(0o644, of: place.folder.file("open.key"))
        #expect(try await place.complaints(open)["tls.key_mode"]?.level == .warning)
    }

    @Test("Who may administer is told: nobody, everyone here, or who has credentials")
    func credentials() async throws {
        let place = try await Installation()
        try place.tamper("UPDATE tokens SET expires = 1")
        let foreign = try await place.complaints()
        #expect(foreign["database.manifest"]?.found.contains("The row of the token") == true)
        _ = try await StorageCommands.accept(place.settings, isSure: true)
        #expect(try await place.complaints()["access"]?.found.contains("has expired") == true)
        try place.tamper("DELETE FROM tokens")
        #expect(try await place.complaints()["database.manifest"]?.found.contains("1 tokens are missing") == true)
        _ = try await StorageCommands.accept(place.settings, isSure: true)
        #expect(
            try await place.complaints()["access"]?.found.contains("every process on this machine may register") == true
        )
        let open = try await place.complaints { $0.opensAdministration = true }
        #expect(open["access"]?.level == .problem && open["access"]?.found.contains("insecure_admin") == true)
        let elsewhere = try await place.complaints {
            $0.listen.host = "0.0.0.0"
            $0.tls.allowsInsecureHTTP = true
        }
        #expect(elsewhere["access"]?.found.contains("administration over HTTP is impossible") == true)
        let keys = place.folder.file("jwks.json")
        func publish(_ count: Int, kid: JSONValue?) throws {
            let made = (0..<count).map { _ in
                var jwk = P256.Signing.PrivateKey().publicKey.jwk
                jwk["kid"] = kid
                return jwk
            }
            try Data(JSONValue.object([.init("keys", .array(made))]).encoded).write(to: keys)
        }
        try publish(2, kid: "1")
        func issuer(_ keys: String) -> (inout Settings) -> Void {
            { $0.jwt = JWTIssuer(issuer: "https://id.example.org", audience: "kbs", keys: keys) }
        }
        #expect(try await place.complaints(issuer(keys.path)).isEmpty)
        try publish(1, kid: nil)
        #expect(try await place.complaints(issuer(keys.path)).isEmpty, "one key needs no kid; C14")
        try publish(2, kid: nil)
        #expect(try await place.complaints(issuer(keys.path))["jwt.keys"]?.found.contains("no kid") == true)
        try Data(#"{"keys":[{"kty":"EC"}]}"#.utf8).write(to: keys)
        #expect(try await place.complaints(issuer(keys.path))["jwt.keys"]?.level == .problem)
        #expect(try await place.complaints(issuer("/no/such/file"))["jwt.keys"]?.level == .problem)
        let address = "http://127.0.0.1:1/keys"
        #expect(try await place.complaints(issuer(address)).isEmpty)
        #expect(try await place.complaints(issuer(address), isOnline: true)["jwt.keys"]?.level == .problem)
    }

    @Test("A folder of certificates with none, or with one that cannot be read, and a service that is away are told")
    func endorsements() async throws {
        let place = try await Installation()
        let certificates = place.folder.file("certificates")
        try FileManager.default.createDirectory(at: certificates, withIntermediateDirectories: true)
        let empty = try await place.complaints { $0.endorsementsFolder = certificates }
        #expect(empty["endorsements.folder"]?.found.contains("no certificates") == true)
        try Data("x".utf8).write(to: certificates.appending(path: "a.pem"))
        let unreadable = try await place.complaints { $0.endorsementsFolder = certificates }
        #expect(unreadable["endorsements.folder"]?.found.contains("a.pem") == true)
        #expect(try await place.complaints { $0.keyDistribution = nil }["endorsements"]?.level == .warning)
        let away = try await place.complaints(
            {
                $0.keyDistribution?.baseURL = "http://127.0.0.1:1"
                $0.keyDistribution?.deadline = .seconds(1)
            }, isOnline: true)
        #expect(away["endorsements.kds"]?.level == .problem)
    }

    @Test("Documents that end soon, and are not renewed, are told")
    func endingEndorsements() async throws {
        let place = try await Installation()
        let now = Date(timeIntervalSince1970: 1_900_000_000)
        let document = EndorsementDocument(
            name: AMDDocument.authority(.milan, .vcek).name, kind: .statement, bytes: [1], goodUntil: now + 86_400)
        let store = try SQLiteStore(file: place.database)
        try await store.keep([document])
        try store.close()
        let found = try await place.complaints(now: now)["endorsements.ending"]
        #expect(found?.level == .warning && found?.found.contains("the Milan VCEK chain") == true)
        #expect(try await place.complaints(now: now + 2 * 86_400)["endorsements.ending"] == nil)
    }

    @Test("Each setting that weakens something is named")
    func policy() async throws {
        let found = try await Installation().complaints {
            $0.policy.snp.allowsDebug = true
            $0.policy.allowsSEVDebug = true
            $0.policy.snp.allowsMigrationAgent = true
            $0.policy.snp.allowsProvisionalFirmware = true
            $0.policy.snp.vmpl = 1
            $0.policy.snp.minimumTCB = [:]
            $0.limits.requestsPerSecond = 0
            $0.simulatedRoots = try Simulated.roots
        }
        let expected = [
            "snp.allow_debug", "sev.allow_debug", "snp.allow_migration_agent", "snp.allow_provisional_firmware",
            "snp.vmpl", "minimum_tcb", "limits.requests_per_second",
        ]
        for name in expected { #expect(found["policy.\(name)"]?.level == .warning, "\(name)") }
        #expect(found["policy.simulated_root"]?.level == .problem)
        #expect(found.values.allSatisfy { !$0.advice.isEmpty })
    }

    @Test("Too few open files, and a clock that nobody keeps right, are told")
    func system() throws {
        func findings(_ files: Int?, _ synchronized: String) -> [Finding.Level] {
            SystemExamination(settings: Settings(), openFiles: files, synchronized: URL(filePath: synchronized))
                .findings().map(\.level)
        }
        #expect(findings(12_256, "/proc/self/status") == [.ok, .ok])
        #expect(findings(12_255, "/proc/self/status") == [.warning, .ok])
        #expect(findings(nil, "/proc/self/status") == [.warning, .ok])
        #expect(findings(12_256, "/no/such/file").last == (KernelClock.isSynchronized == true ? .ok : .warning))
    }

    @Test("The command's exit status tells problems from none, and settings that cannot be used from both")
    func command() async throws {
        let folder = try TemporaryFolder()
        let data = folder.file("data").path
        let well = try await Command.run("doctor", "--data", data, "--listen", "127.0.0.1:0", "--json")
        #expect(well.status == 0, "\(well.output)\(well.errors)")
        #expect(try JSONDecoder().decode([Finding].self, from: Data(well.output.utf8)).count > 5)
        let ill = try await Command.run("doctor", "--data", data, "--listen", "0.0.0.0:0")
        #expect(ill.status == 1 && ill.output.contains("problem") && ill.output.contains("docs/tls.md"))
        let unusable = try await Command.run("doctor", "--data", data, "--set", "listen=x")
        #expect(unusable.status == 2 && unusable.output.contains("listen"))
        let typo = try await Command.run(
            "doctor", "--data", data, "--listen", "127.0.0.1:0", environment: ["KBS_LISEN": "x"])
        #expect(typo.status == 0 && typo.output.contains("KBS_LISEN"))
    }
}
