import Bytes
import Crypto
import Foundation
import TestSupport
import Testing

@testable import MasterKeys

/// SoftHSM, with a token of its own. It reads the name of its configuration from the environment, so there is one for
/// all tests of the process.
private enum SoftToken {
    static let module = ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"]
        .first { FileManager.default.fileExists(atPath: $0) }
    private static let made = Task {
        let folder = try TemporaryFolder()
        try FileManager.default.createDirectory(at: folder.file("tokens"), withIntermediateDirectories: true)
        let configuration = folder.file("softhsm2.conf")
        try Data("directories.tokendir = \(folder.file("tokens").path)\nlog.level = ERROR\n".utf8).write(
            to: configuration)
        setenv("SOFTHSM2_CONF", configuration.path, 1)
        let plan = SpawnedProcess.Plan(
            URL(filePath: "/usr/bin/softhsm2-util"),
            ["--init-token", "--free", "--label", "kbs", "--pin", "1234", "--so-pin", "5678"])
        try #require(try await SpawnedProcess.run(plan) == 0)
        return folder
    }

    static func uri(
        _ object: String, token: String = "kbs", pin: String = "1234\n", naming kind: PKCS11URI.KeyKind = .secret
    ) async throws -> PKCS11URI {
        let file = try await made.value.file(UUID().uuidString)
        #expect(
            FileManager.default.createFile(atPath: file.path, contents: nil, attributes: [.posixPermissions: 0o600]))
        try Data(pin.utf8).write(to: file)
        return try PKCS11URI(
            "pkcs11:token=\(token);object=\(object)?module-path=\(module ?? "")&pin-source=file:\(file.path)",
            naming: kind)
    }
}

@Suite("A key in a PKCS #11 token", .enabled(if: SoftToken.module != nil), .serialized)
struct SoftTokenTests {
    @Test("It gives the same master key each time, and another key gives another")
    func derive() async throws {
        let (one, two) = (try await SoftToken.uri("one"), try await SoftToken.uri("two"))
        for uri in [one, two] { try PKCS11Token.createKey(uri) }
        let key = try PKCS11Token.deriveMasterKey(one)
        #expect(key.bitCount == 256)
        #expect(try PKCS11Token.deriveMasterKey(one) == key)
        #expect(try PKCS11Token.deriveMasterKey(two) != key)
        let reader = MasterKeyReader(
            MasterKeySources(master: .token(two), previous: [.token(one)]), folder: URL(filePath: "/nowhere"))
        #expect(try reader.read(fresh: true) == [PKCS11Token.deriveMasterKey(two), key])
    }

    @Test("A key is not made over another")
    func twice() async throws {
        let uri = try await SoftToken.uri("twice")
        try PKCS11Token.createKey(uri)
        let error = #expect(throws: MasterKeyError.self) { try PKCS11Token.createKey(uri) }
        #expect(error?.description.contains("already") == true)
    }

    @Test(
        "What is missing or wrong is said, and not the PIN",
        arguments: [
            ("none", "kbs", "1234", "kbs keys create"), ("none", "other", "1234", "\"kbs\""),
            ("none", "kbs", "zyxw", "PIN of the token"), ("none", "kbs", "", "is empty"),
        ])
    func errors(object: String, token: String, pin: String, words: String) async throws {
        let uri = try await SoftToken.uri(object, token: token, pin: pin)
        let error = #expect(throws: MasterKeyError.self) { try PKCS11Token.deriveMasterKey(uri) }
        #expect(error?.description.contains(words) == true, "\(String(describing: error))")
        #expect(error?.description.contains("zyxw") == false)
    }
}

extension SoftTokenTests {
    @Test("A private key on P-384 signs in its token, and its public half is read from there")
    func signing() async throws {
        let uri = try await SoftToken.uri("id-key", naming: .signing)
        let missing = #expect(throws: MasterKeyError.self) { try PKCS11Token.publicKey(uri) }
        #expect(missing?.description.contains("no public key") == true)
        let folder = try TemporaryFolder()
        let key = P384.Signing.PrivateKey()
        try Data(key.pemRepresentation.utf8).write(to: folder.file("key.pem"))
        let plan = SpawnedProcess.Plan(
            URL(filePath: "/usr/bin/softhsm2-util"),
            [
                "--import", folder.file("key.pem").path, "--token", "kbs", "--label", "id-key", "--id", "07", "--pin",
                "1234",
            ])
        try #require(try await SpawnedProcess.run(plan) == 0)
        #expect(try PKCS11Token.publicKey(uri).x963Representation == key.publicKey.x963Representation)
        let digest = SHA384.hash(data: Array("an ID block".utf8))
        #expect(key.publicKey.isValidSignature(try PKCS11Token.signature(uri, for: digest), for: digest))
        #expect(throws: MasterKeyError.self) {
            try PKCS11Token.signature(try PKCS11URI("pkcs11:object=x"), for: digest)
        }
    }
}
