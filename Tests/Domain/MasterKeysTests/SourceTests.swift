import Bytes
import Crypto
import Foundation
import TestSupport
import Testing

@testable import MasterKeys

@Suite("Sources of master keys")
struct SourceTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private let keys = (0..<3).map { _ in SymmetricKey(size: .bits256) }

    private func text(_ key: SymmetricKey) -> String { key.withUnsafeBytes { Hex.encode(Array($0)) } }

    private func write(_ text: String, mode: Int = 0o600) throws -> KeyFile {
        let file = folder.file("keys")
        try Data(text.utf8).write(to: file)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file.path)
        return KeyFile(file)
    }

    @Test("A key file is a list, with blank lines and line ends of any kind")
    func list() throws {
        let file = try write("\n\(text(keys[0]))\r\n\n  \(text(keys[1]).uppercased())  \n\(text(keys[2]))")
        #expect(try file.read() == keys)
    }

    @Test("An error names the line of the file, counted as an editor counts", arguments: ["\n", "\r\n"])
    func line(_ end: String) throws {
        let file = try write(["", text(keys[0]), "", "no key", ""].joined(separator: end))
        let error = #expect(throws: MasterKeyError.self) { try file.read() }
        #expect(error?.description.contains("line 4, does not hold") == true, "\(String(describing: error))")
    }

    @Test("What is written comes back, for the owner only, and nothing is left beside it")
    func roundTrip() throws {
        let file = KeyFile(folder.file("keys"))
        try file.write([keys[0]])
        // What a process leaves that is killed while it writes.
        try Data("half".utf8).write(to: folder.file("keys.draft"))
        try file.write([keys[1], keys[0]])
        #expect(try file.read() == [keys[1], keys[0]])
        let mode = try FileManager.default.attributesOfItem(atPath: file.file.path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["keys"])
    }

    @Test("A file that others may read is refused", arguments: [0o604, 0o644, 0o601, 0o602])
    func permissions(mode: Int) throws {
        let file = try write(text(keys[0]), mode: mode)
        let error = #expect(throws: MasterKeyError.self) { try file.read() }
        #expect(error?.description.contains("chmod 600") == true)
        let pin = try PKCS11URI("pkcs11:token=t;object=o?module-path=/x.so&pin-source=file:\(file.file.path)")
        let refused = #expect(throws: MasterKeyError.self) { try pin.readPIN() }
        #expect(refused?.description.contains("chmod 600") == true)
        #expect(refused?.description.contains(text(keys[0])) == false)
    }

    @Test(
        "A file that holds anything else is refused, and the error does not repeat it",
        arguments: ["", "\n", "abc", String(repeating: "0", count: 63), String(repeating: "g", count: 64)])
    func malformed(contents: String) throws {
        let file = try write(contents)
        let error = #expect(throws: MasterKeyError.self) { try file.read() }
        #expect(contents.count < 3 || error?.description.contains(contents) == false)
        let second = try write(text(keys[0]) + "\n" + contents)
        if contents.count > 2 { #expect(throws: MasterKeyError.self) { try second.read() } }
    }

    @Test("A file that is missing or a folder is an error that says so")
    func missing() throws {
        let missing = #expect(throws: MasterKeyError.self) { try KeyFile(folder.file("none")).read() }
        #expect(missing?.description.contains("missing") == true)
        #expect(throws: MasterKeyError.self) { try KeyFile(folder.url).read() }
    }

    @Test("Several sources make one list, each key once, the active one first")
    func several() throws {
        try KeyFile(folder.file("master.key")).write([keys[1], keys[0]])
        try KeyFile(folder.file("other")).write([keys[2], keys[1]])
        let sources = MasterKeySources(master: .file(folder.file("other")), previous: [.file(nil)])
        #expect(try MasterKeyReader(sources, folder: folder.url).read(fresh: true) == [keys[2], keys[1], keys[0]])
    }

    @Test(
        "A source is written in one of five ways",
        arguments: [
            ("file:", MasterKeySource.file(nil)), ("file:/etc/kbs/key", .file(URL(filePath: "/etc/kbs/key"))),
            ("env:KBS_KEY", .environment("KBS_KEY")), ("credential:kbs", .credential("kbs")),
        ])
    func forms(text: String, source: MasterKeySource) throws {
        #expect(try MasterKeySource(text) == source)
        #expect("\(try MasterKeySource(text))" == text)
    }

    @Test(
        "Anything else is no source",
        arguments: [
            "", "master.key", "/etc/kbs/key", "env:", "env:A B", "env:A=B", "credential:", "credential:../x",
            "credential:..", "vault:x", "pkcs11:",
        ])
    func noSource(text: String) { #expect(throws: MasterKeyError.self) { try MasterKeySource(text) } }
}

@Suite("PKCS #11 URIs")
struct PKCS11URITests {
    private static let rest = "?module-path=/usr/lib/x.so"

    @Test("All parts are read, with percent-encoding")
    func parts() throws {
        let uri = try PKCS11URI(
            "pkcs11:token=my%20token;serial=12;manufacturer=M;model=X;object=a%3Bb;id=%00%fF;type=secret-key"
                + "?pin-source=file:/etc/pin&module-path=/usr/lib/x%26y.so")
        #expect(uri.token == "my token" && uri.serial == "12" && uri.manufacturer == "M" && uri.model == "X")
        #expect(uri.object == "a;b" && uri.id == [0, 255])
        #expect(uri.modulePath == "/usr/lib/x&y.so" && uri.pin == .file("/etc/pin"))
        #expect(try PKCS11URI("pkcs11:token=t;object=o\(Self.rest)&pin-source=env:PIN").pin == .environment("PIN"))
        #expect(try PKCS11URI("pkcs11:token=t;object=o\(Self.rest)&pin-source=file:///p").pin == .file("/p"))
        #expect(try PKCS11URI("pkcs11:serial=1;id=%01\(Self.rest)").pin == nil)
    }

    @Test(
        "What cannot be used says what to write",
        arguments: [
            ("pkcs11:token=t;object=o", "module-path"), ("pkcs11:token=t;object=o?module-path=x.so", "full path"),
            ("pkcs11:object=o\(rest)", "token="), ("pkcs11:token=t\(rest)", "object="),
            ("pkcs11:token=t;object=o;type=private\(rest)", "type=secret-key"),
            ("pkcs11:token=t;object=o;slot-id=1\(rest)", "slot-id"),
            ("pkcs11:token=t;token=u;object=o\(rest)", "twice"),
            ("pkcs11:token=%zz;object=o\(rest)", "two hex digits"),
            ("pkcs11:token=%4;object=o\(rest)", "two hex digits"),
            ("pkcs11:token=%00;object=o\(rest)", "not text"), ("pkcs11:token=%ff;object=o\(rest)", "not text"),
            ("pkcs11:token;object=o\(rest)", "name=value"),
            ("pkcs11:token=t;object=o\(rest)&pin-source=/etc/pin", "pin-source"),
            ("pkcs11:token=t;object=o\(rest)&pin-source=|cat", "pin-source"),
            ("pkcs11:token=t;object=o\(rest)&module-name=x", "module-name"), ("file:x", "begins"),
        ])
    func errors(text: String, names: String) {
        let error = #expect(throws: MasterKeyError.self) { try PKCS11URI(text) }
        #expect(error?.description.contains(names) == true, "\(String(describing: error))")
    }

    @Test("A PIN in a URI is refused, and not repeated")
    func pinValue() {
        let error = #expect(throws: MasterKeyError.self) {
            try PKCS11URI("pkcs11:token=t;object=o\(Self.rest)&pin-value=0042")
        }
        #expect(error?.description.contains("pin-source") == true)
        #expect(error?.description.contains("0042") == false)
    }
}

@Suite("Derivation of a master key by a token")
struct KeyDerivationTests {
    @Test("It is the standard's counter mode: OpenSSL's KBKDF gives the same key")
    func vector() {
        // openssl kdf -keylen 32 -kdfopt mac:HMAC -kdfopt digest:SHA256 -kdfopt mode:COUNTER
        //     -kdfopt hexkey:000102…1f -kdfopt salt:"swift-kbs/1 master key" KBKDF
        let key = SymmetricKey(data: Array(UInt8(0)..<32))
        let derived = HMAC<SHA256>.authenticationCode(
            for: KeyDerivation.input(label: KeyDerivation.masterKeyLabel), using: key)
        #expect(Hex.encode(Array(derived)) == "214d59267f97ca869a578926f387189a250fa8d6f7ad644ce74d8f5c73e214b1")
    }
}
