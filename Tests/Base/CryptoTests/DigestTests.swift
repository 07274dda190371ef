import Bytes
import Crypto
import Foundation
import Testing

@Suite("Digests, codes and keys as values")
struct DigestTests {
    @Test("Input in parts has the digest of the whole, and a copy goes on by itself")
    func parts() {
        var hash = SHA384()
        hash.update(data: "a".utf8)
        var copy = hash
        #expect(hash.finalize() == SHA384.hash(data: "a".utf8))
        hash.update(data: [UInt8]())
        hash.update(data: Data("bc".utf8))
        copy.update(data: "d".utf8)
        #expect(hash.finalize() == SHA384.hash(data: "abc".utf8) && hash.finalize() == hash.finalize())
        #expect(copy.finalize() == SHA384.hash(data: "ad".utf8))
        [UInt8]("efg".utf8).withUnsafeBytes { copy.update(bufferPointer: $0) }
        #expect(copy.finalize() == SHA384.hash(data: "adefg".utf8))
    }

    @Test("Bytes are the same bytes whatever holds them")
    func holders() {
        let bytes = Array("swift-kbs".utf8)
        let expected = SHA256.hash(data: bytes)
        #expect(SHA256.hash(data: bytes[...]) == expected && SHA256.hash(data: Data(bytes)) == expected)
        #expect(SHA256.hash(data: "swift-kbs".utf8) == expected)
        #expect(SHA256.hash(data: Data([0] + bytes).dropFirst()) == expected)
        #expect(SHA256.hash(data: bytes.lazy.map { $0 }) == expected, "in pieces")
        #expect(bytes.withUnsafeBytes { SHA256.hash(data: $0) } == expected)
        #expect(SHA256.hash(data: Data()) == SHA256.hash(data: UnsafeRawBufferPointer(start: nil, count: 0)))
        let key = SymmetricKey(data: bytes)
        #expect(
            HMAC<SHA256>.authenticationCode(for: Data(), using: key)
                == HMAC<SHA256>.authenticationCode(for: [UInt8](), using: key))
        #expect(Array(expected.prefix(8)) == Array(Array(expected)[..<8]) && Data(expected).count == 32)
        #expect(Set([expected, SHA256.hash(data: bytes)]).count == 1)
    }

    @Test("A code is compared at its full length: none that was cut or is longer is valid")
    func lengths() {
        let key = SymmetricKey(size: .bits256)
        let code = Array(HMAC<SHA256>.authenticationCode(for: [1, 2], using: key))
        func isValid(_ code: some Collection<UInt8>) -> Bool {
            HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: [1, 2], using: key)
        }
        #expect(isValid(code) && isValid(Data(code)))
        #expect(!isValid(code.dropLast()) && !isValid(code + [0]) && !isValid([]))
        for index in code.indices {
            var other = code
            other[index] ^= 0x80
            #expect(!isValid(other))
        }
        #expect(
            !HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: [1, 2], using: SymmetricKey(size: .bits256)))
    }

    @Test("Comparing looks at each byte, and at lengths")
    func comparing() {
        #expect(equalInConstantTime([1, 2, 3], [1, 2, 3]) && equalInConstantTime([], []))
        #expect(equalInConstantTime([0, 1, 2][1...], Data([1, 2])))
        for other: [UInt8] in [[0, 2, 3], [1, 0, 3], [1, 2, 0], [1, 2], [1, 2, 3, 0], []] {
            #expect(!equalInConstantTime([1, 2, 3], other))
        }
        let key = SymmetricKey(data: [1, 2, 3])
        #expect(key == SymmetricKey(data: [1, 2, 3]) && key != SymmetricKey(data: [1, 2]))
        #expect(key != SymmetricKey(data: [1, 2, 4]))
    }

    @Test("Keys are random, of the size that was asked for, and do not print")
    func keys() throws {
        let key = SymmetricKey(size: .bits256)
        #expect(key.bitCount == 256 && key != SymmetricKey(size: .bits256))
        #expect(SymmetricKey(size: SymmetricKeySize(bitCount: 384)).bitCount == 384)
        #expect(SecureRandom.bytes(16).count == 16 && SecureRandom.bytes(16) != SecureRandom.bytes(16))
        #expect(SecureRandom.bytes(0).isEmpty)
        let shared = try P256.KeyAgreement.PrivateKey().sharedSecretFromKeyAgreement(
            with: P256.KeyAgreement.PrivateKey().publicKey)
        let secrets: [Any] = [
            key, shared, P256.Signing.PrivateKey(), Curve25519.Signing.PrivateKey(),
            try RSA.Encryption.PrivateKey(keySize: .bits2048),
        ]
        for secret in secrets {
            var dumped = ""
            dump(secret, to: &dumped)
            for text in ["\(secret)", String(reflecting: secret), dumped] {
                #expect(text.count < 80 && !text.contains("["), "\(type(of: secret))")
            }
        }
    }

    @Test(
        "A derived key is as long as was asked for; longer than the standard allows is a mistake that ends the process")
    func longest() async {
        #expect(HKDF<SHA256>.longestOutput == 8_160)
        let key = HKDF<SHA256>.deriveKey(inputKeyMaterial: SymmetricKey(size: .bits256), outputByteCount: 8_160)
        #expect(key.bitCount == 65_280)
        await #expect(processExitsWith: .failure) {
            _ = HKDF<SHA256>.deriveKey(inputKeyMaterial: SymmetricKey(size: .bits256), outputByteCount: 8_161)
        }
    }
}
