import Broker
import BrokerSupport
import Bytes
import Crypto
import Evidence
import EvidenceSupport
import Foundation
import HTTP
import HTTPClient
import Installation
import MasterKeys
import Server
import SimulatedHardware
import Storage
import TestSupport
import Testing

/// A SoftHSM token of its own, with a PIN in a file.
private struct SoftToken {
    static let module = ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"]
        .first { FileManager.default.fileExists(atPath: $0) }
    static let pkcs11Tool = "/usr/bin/pkcs11-tool"

    let folder: TemporaryFolder
    let environment: [String: String]

    init(_ folder: TemporaryFolder) async throws {
        self.folder = folder
        try FileManager.default.createDirectory(at: folder.file("tokens"), withIntermediateDirectories: true)
        let configuration = folder.file("softhsm2.conf")
        try Data("directories.tokendir = \(folder.file("tokens").path)\nlog.level = ERROR\n".utf8).write(
            to: configuration)
        environment = ["SOFTHSM2_CONF": configuration.path]
        try await run(
            "/usr/bin/softhsm2-util", "--init-token", "--free", "--label", "kbs", "--pin", "pin-1234", "--so-pin",
            "5678")
        try writePIN("pin-1234\n")
    }

    func writePIN(_ text: String, mode: Int = 0o600) throws {
        try Data(text.utf8).write(to: folder.file("pin"))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: folder.file("pin").path)
    }

    func uri(token: String = "kbs", object: String = "master", module: String = module ?? "", pin: String? = nil)
        -> String
    {
        "pkcs11:token=\(token);object=\(object)?module-path=\(module)&pin-source=\(pin ?? "file:\(folder.file("pin").path)")"
    }

    func kbs(_ arguments: String..., environment more: [String: String] = [:]) async throws -> Command.Result {
        try await Command.runAll(arguments, environment: environment.merging(more) { $1 })
    }

    func run(_ program: String, _ arguments: String...) async throws {
        var plan = SpawnedProcess.Plan(URL(filePath: program), arguments)
        plan.environment.merge(environment) { $1 }
        let status = try await SpawnedProcess.run(plan)
        try #require(status == 0, "\(program) \(arguments)")
    }
}

extension KeysAndBackups {
    @Suite("A master key in a PKCS #11 token", .enabled(if: SoftToken.module != nil))
    struct TokenTests {
        let folder: TemporaryFolder
        private let token: SoftToken
        private var data: String { folder.file("data").path }

        init() async throws {
            folder = try TemporaryFolder()
            token = try await SoftToken(folder)
        }

        /// Starts a server, registers `app` if `body` does, and lets a guest fetch its secret.
        private func serve(
            _ master: String, previous: String = "", environment: [String: String] = [:],
            _ body: (GuestTransport) async throws -> Void = { _ in }
        ) async throws {
            let server = try await ServerProcess.start(
                folder, "--keys-master", master, "--set", "keys.previous=\(previous)",
                environment: token.environment.merging(environment) { $1 })
            let transport = GuestTransport(base: server.base, client: .shared)
            try await body(transport)
            #expect(try await Simulated.guest("app").boot(over: transport) == Array("s".utf8))
            #expect(!server.log.contains("pin-1234"))
            server.send(signal: SIGTERM)
            #expect(try await server.ends(within: .seconds(60)))
        }

        private func active() async throws -> String {
            let usage = try await SQLiteStore(file: folder.file("data/kbs.sqlite")).masterKeyUsage(at: Date())
            return try #require(usage.first { $0.superseded == nil }).id
        }

        @Test("The key moves from the file to a token and back to a file, and guests are served at each step")
        func thereAndBack() async throws {
            try await serve("file:") {
                try await $0.register(
                    "app", measurement: Hex.encode(Simulated.measurement("app")), configuration: "", secret: "s")
            }
            let inFile = try await active()
            let made = try await token.kbs("keys", "create", "--pkcs11", token.uri())
            #expect(made.status == 0, "\(made.errors)")
            let rotated = try await token.kbs(
                "keys", "rotate", "--data", data, "--keys-master", token.uri(), "--set", "keys.previous=file:")
            #expect(
                rotated.status == 0 && rotated.output.contains("3 secrets and server keys"),
                "\(rotated.output)\(rotated.errors)")
            let inToken = try await active()
            #expect(made.output.contains(inToken) && inToken != inFile)
            // From here on the file is not needed, and the token gives the same key each time.
            try FileManager.default.removeItem(at: folder.file("data/master.key"))
            try await serve(token.uri())
            try await serve(token.uri(pin: "env:PIN"), environment: ["PIN": "pin-1234"])

            let newFile = folder.file("new.key").path
            #expect(try await token.kbs("keys", "create", "--file", newFile).status == 0)
            #expect(try await token.kbs("keys", "create", "--file", newFile).status != 0, "it is there")
            let back = try await token.kbs(
                "keys", "rotate", "--data", data, "--keys-master", "file:\(newFile)", "--set",
                "keys.previous=\(token.uri())")
            #expect(back.status == 0 && back.output.contains("3 secrets and server keys"), "\(back.errors)")
            let last = try await active()
            #expect(![inToken, inFile].contains(last))
            try await serve("file:\(newFile)")
        }

        @Test("A server moves what is under the file's key to the token's by itself")
        func byTheServer() async throws {
            try await serve("file:") {
                try await $0.register(
                    "app", measurement: Hex.encode(Simulated.measurement("app")), configuration: "", secret: "s")
            }
            #expect(try await token.kbs("keys", "create", "--pkcs11", token.uri()).status == 0)
            let store = try SQLiteStore(file: folder.file("data/kbs.sqlite"))
            try await serve(token.uri(), previous: "file:") { _ in
                while try await store.masterKeyUsage(at: Date()).first(where: { $0.secrets > 0 })?.superseded != nil {
                    try await Task.sleep(for: .milliseconds(20))
                }
            }
            try FileManager.default.removeItem(at: folder.file("data/master.key"))
            try await serve(token.uri())
        }

        @Test("Two keys in one token give two master keys, and a key is not made over another")
        func twoKeys() async throws {
            let first = try await token.kbs("keys", "create", "--pkcs11", token.uri(object: "a"))
            let second = try await token.kbs("keys", "create", "--pkcs11", token.uri(object: "b"))
            #expect(first.status == 0 && second.status == 0 && first.output != second.output)
            let again = try await token.kbs("keys", "create", "--pkcs11", token.uri(object: "a"))
            #expect(again.status != 0 && again.errors.contains("already"))
        }

        @Test("Each thing that can be missing or wrong is said, with what to do, and without the PIN")
        func errors() async throws {
            func refused(_ uri: String, _ words: String, sourceLocation: SourceLocation = #_sourceLocation) async throws
            {
                let result = try await token.kbs("keys", "status", "--data", data, "--keys-master", uri)
                #expect(
                    result.status != 0 && result.errors.contains(words), "\(result)", sourceLocation: sourceLocation)
                #expect(!result.errors.contains("zyxw"), sourceLocation: sourceLocation)
            }
            _ = try await DataFolder(folder.file("data"))
            try await refused(token.uri(), "kbs keys create --pkcs11")
            try await refused(token.uri(token: "other"), "the module shows \"kbs\"")
            try await refused(token.uri(module: "/usr/lib/no-such-module.so"), "install it")
            try await refused(token.uri(module: folder.file("pin").path), "cannot be loaded")
            let libc = try #require(
                ["/lib/x86_64-linux-gnu/libc.so.6", "/lib/aarch64-linux-gnu/libc.so.6"]
                    .first { FileManager.default.fileExists(atPath: $0) })
            try await refused(token.uri(module: libc), "not a PKCS #11 module")
            try await refused(token.uri(pin: "env:NO_SUCH_PIN"), "NO_SUCH_PIN")
            try await refused(token.uri(pin: "file:/no/such/pin"), "/no/such/pin")
            try token.writePIN("pin-1234", mode: 0o644)
            try await refused(token.uri(), "chmod 600")
            try token.writePIN("zyxw")
            try await refused(token.uri(), "is wrong")
            try token.writePIN("\n")
            try await refused(token.uri(), "is empty")
        }

        @Test("A key of another kind is refused")
        func wrongKind() async throws {
            try Data((0..<32).map { _ in UInt8.random(in: 0...255) }).write(to: folder.file("aes"))
            try await token.run(
                "/usr/bin/softhsm2-util", "--import", folder.file("aes").path, "--aes", "--token", "kbs", "--label",
                "aes",
                "--id", "01", "--pin", "pin-1234")
            _ = try await DataFolder(folder.file("data"))
            let result = try await token.kbs(
                "keys", "status", "--data", data, "--keys-master", token.uri(object: "aes"))
            #expect(result.status != 0 && result.errors.contains("CKM_SHA256_HMAC"), "\(result)")
        }

        @Test(
            "The master key is what another tool has the token compute",
            .enabled(if: FileManager.default.isExecutableFile(atPath: SoftToken.pkcs11Tool)))
        func derivation() async throws {
            let made = try await token.kbs("keys", "create", "--pkcs11", token.uri(object: "known"))
            // i ‖ label ‖ 0 ‖ L, as another tool of the same token signs it with the same key.
            try Data([0, 0, 0, 1] + Array("swift-kbs/1 master key".utf8) + [0] + [0, 0, 1, 0]).write(
                to: folder.file("input"))
            try await token.run(
                SoftToken.pkcs11Tool, "--module", SoftToken.module ?? "", "--login", "--pin", "pin-1234",
                "--token-label",
                "kbs",
                "--sign", "--mechanism", "SHA256-HMAC", "--label", "known", "--input-file", folder.file("input").path,
                "--output-file", folder.file("output").path)
            let id = ServerKeys(master: SymmetricKey(data: try Data(contentsOf: folder.file("output")))).id
            #expect(made.output.contains(id), "\(made)")
        }
    }
}
