import Bytes
import Testing

@Suite("Base64 and hex")
struct TextFormsTests {
    @Test(
        "RFC 4648's examples, both ways",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ])
    func examples(_ plain: String, _ text: String) {
        #expect(Base64.encode(Array(plain.utf8)) == text)
        #expect(Base64.decode(text) == Array(plain.utf8))
        let unpadded = String(text.prefix { $0 != "=" })
        #expect(Base64.encodeURL(Array(plain.utf8)) == unpadded)
        #expect(Base64.decodeURL(unpadded) == Array(plain.utf8))
    }

    @Test("Every byte goes through both alphabets and through hex")
    func everyByte() {
        let bytes = (0...255).map { UInt8($0) }
        #expect([UInt8](base64: bytes.base64) == bytes)
        #expect([UInt8](base64URL: bytes.base64URL) == bytes)
        #expect(Hex.decode(Hex.encode(bytes)) == bytes)
    }

    @Test(
        "What is not exactly base64 is refused",
        arguments: [
            "Zg", "Zg=", "Zg===", "Z", "=", "====", "Zh==", "Zm9=", "Zm 9v", "Zm9v\n", "Zm9_", "Zm9v=", "Zg==Zg==",
            "Zmé=",
        ])
    func refused(_ text: String) { #expect(Base64.decode(text) == nil) }

    @Test(
        "What is not exactly base64url is refused", arguments: ["Zg==", "Z", "Zh", "Zm9", "Zm9+", "Zm9v ", "Zm\u{0}v"])
    func refusedURL(_ text: String) { #expect(Base64.decodeURL(text) == nil) }
}

@Suite("Secrets")
struct SecretTests {
    @Test("A secret prints its size only")
    func printing() {
        let secret = Secret(Array("passphrase".utf8))
        #expect("\(secret)" == "Secret(10 bytes)")
        #expect(String(reflecting: secret) == "Secret(10 bytes)")
        var dumped = ""
        dump(secret, to: &dumped)
        #expect(!dumped.contains("112"))
        #expect(secret.withBytes { Array($0) } == Array("passphrase".utf8))
    }

    @Test("Bytes that were taken over are gone where they were")
    func wiping() {
        var bytes: [UInt8] = [1, 2, 3]
        let secret = Secret(wiping: &bytes)
        #expect(bytes.isEmpty)
        #expect(secret.withBytes { Array($0) } == [1, 2, 3])
        #expect(Secret([]).count == 0)
    }
}

@Suite("A cursor over little-endian bytes")
struct ByteCursorTests {
    @Test("Reads numbers and refuses to read past the end")
    func reading() throws {
        var cursor = ByteCursor([1, 2, 0, 3, 0, 0, 0, 9], subject: "thing")
        #expect(try cursor.u8() == 1)
        #expect(try cursor.u16() == 2)
        #expect(try cursor.u32() == 3)
        #expect(throws: MalformedInput.self) { try cursor.u16() }
        #expect(throws: MalformedInput.self) { try cursor.finish() }
        #expect(throws: MalformedInput.self) { try cursor.take(-1) }
    }
}
