import Bytes
@testable import Crypto
import Testing

@Suite("What is refused, though OpenSSL takes it")
struct RefusalTests {
    init() { CryptoLibrary.forgetErrors() }

    /// Every refusal leaves the thread's error queue empty, or the next reader of TLS takes it for its own.
    private func refuses(
        _ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
    ) {
        #expect(throws: CryptoError.self, comment, sourceLocation: sourceLocation) { try body() }
        #expect(!CryptoLibrary.hasPendingError, comment, sourceLocation: sourceLocation)
    }

    @Test("RSA keys: another size than 2,048 to 4,096 bits, an even modulus, an exponent that is even, 1 or long")
    func rsa() throws {
        let n = try RSA.Signing.PrivateKey(keySize: .bits2048).publicKey.modulus
        let e: [UInt8] = [1, 0, 1]
        #expect(try RSA.Signing.PublicKey(n: [0, 0] + n, e: [0] + e).modulus == n, "zeros before it are nothing")
        #expect(try RSA.Signing.PublicKey(n: n, e: [3]).keySizeInBits == 2_048)
        #expect(try RSA.Encryption.PublicKey(n: n, e: [1, 0, 0, 0, 1]).publicExponent.count == 5, "33 bits")
        var even = n
        even[255] ^= 1
        refuses("an even modulus") { _ = try RSA.Signing.PublicKey(n: even, e: e) }
        refuses("1,024 bits") { _ = try RSA.Signing.PublicKey(n: n.suffix(128), e: e) }
        refuses("2,047 bits") { _ = try RSA.Signing.PublicKey(n: [0x7F] + n.dropFirst(), e: e) }
        refuses("4,097 bits") { _ = try RSA.Encryption.PublicKey(n: [1] + n + n, e: e) }
        for exponent: [UInt8] in [[], [0], [1], [0, 1], [2], [4], [1, 0, 0], [2, 0, 0, 0, 1], [1, 0, 0, 0, 0, 1]] {
            refuses("exponent \(exponent)") { _ = try RSA.Encryption.PublicKey(n: n, e: exponent) }
        }
        refuses("no modulus") { _ = try RSA.Signing.PublicKey(n: [], e: e) }
        for bits in [1_024, 2_047, 4_097, 16_384, 0] {
            refuses("making \(bits) bits") { _ = try RSA.Signing.PrivateKey(keySize: .init(bitCount: bits)) }
        }
    }

    /// Wycheproof's example; every key that is made here or elsewhere in these tests shows the other side.
    @Test("RSA keys of the generator whose primes can be guessed (ROCA)")
    func roca() throws {
        let modulus = try #require(
            Base64.decodeURL(
                "AanFpofbj7KjD4Lf-N2hVMKR7yewSyXhhbirIMTGpfYEhZ_lnt5UoK98DnKIgArXGTu3MaW_HhFw16HGaTDUHqPrId"
                    + "7fe4r11CqRw09yBFuW79V8sYIwHdzCaWflUI6auImYbVfoN9_nD5n8N8SY9DwXw7mwZM9wREPXoDPgOoIWl6q_MPsp"
                    + "7n0zs3Z5ZaiQWOOzl1S9OhwAfSiiOwz6efnXEaxuTEtPd7BjSx7NaFka8Dx9U7YqXy2RFj1O9PjyaDGuRh7YXsX3iM"
                    + "USP_wSyHQg_c_qHRtKUsNSGCT7OZg0hzm2KphtjnayKJvC64vAbROBR4Ubg6Bxg9IQVZ-QYyE"))
        refuses("ROCA") { _ = try RSA.Signing.PublicKey(n: modulus, e: [1, 0, 1]) }
        var other = modulus
        other[100] ^= 1
        #expect(try RSA.Signing.PublicKey(n: other, e: [1, 0, 1]).keySizeInBits == 2_049)
    }

    @Test("Private keys on curves that are 0, the group's order or more, or of another length")
    func privateNumbers() throws {
        let order = try hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")
        var last = order
        last[31] -= 1
        #expect(try P256.Signing.PrivateKey(rawRepresentation: last).rawRepresentation == last)
        let one = Array(repeating: UInt8(0), count: 31) + [1]
        #expect(try P256.Signing.PrivateKey(rawRepresentation: one).rawRepresentation == one)
        for number in [order, Array(repeating: 0, count: 32), Array(repeating: 0xFF, count: 32), [], [1]] {
            refuses { _ = try P256.Signing.PrivateKey(rawRepresentation: number) }
            refuses { _ = try P256.KeyAgreement.PrivateKey(rawRepresentation: number) }
        }
        refuses { _ = try P256.Signing.PrivateKey(rawRepresentation: [0] + one) }
        refuses { _ = try P384.Signing.PrivateKey(rawRepresentation: Array(repeating: 0, count: 48)) }
        refuses { _ = try P521.Signing.PrivateKey(rawRepresentation: Array(repeating: 0xFF, count: 66)) }
    }

    @Test("Points that are compressed, hybrid, infinite, off the curve, out of the field, or of another length")
    func points() throws {
        let point = P384.Signing.PrivateKey().publicKey.x963Representation
        #expect(try P384.Signing.PublicKey(x963Representation: point).x963Representation == point)
        let (x, y) = (point[1..<49], point[49...])
        for mark: UInt8 in [0, 1, 2, 3, 5, 6, 7] {
            refuses("\(mark)") { _ = try P384.Signing.PublicKey(x963Representation: [mark] + x + y) }
        }
        refuses("compressed") { _ = try P384.Signing.PublicKey(x963Representation: [2 + (point[96] & 1)] + x) }
        refuses("infinite") { _ = try P384.Signing.PublicKey(x963Representation: [0]) }
        refuses("nothing") { _ = try P384.Signing.PublicKey(x963Representation: []) }
        refuses("longer") { _ = try P384.Signing.PublicKey(x963Representation: point + [0]) }
        refuses("shorter") { _ = try P384.Signing.PublicKey(rawRepresentation: point.dropFirst(2)) }
        refuses("zero") { _ = try P384.Signing.PublicKey(rawRepresentation: Array(repeating: 0, count: 96)) }
        refuses("out of the field") {
            _ = try P384.Signing.PublicKey(rawRepresentation: Array(repeating: 0xFF, count: 96))
        }
        var other = point
        other[96] ^= 1
        refuses("off the curve") { _ = try P384.KeyAgreement.PublicKey(x963Representation: other) }
        refuses("another curve's") { _ = try P256.Signing.PublicKey(x963Representation: point) }
    }

    @Test("AES-GCM: tags that are not 16 bytes, nonces that are not 12, keys of another length, changed bytes")
    func gcm() throws {
        let key = SymmetricKey(size: .bits256)
        let box = try AES.GCM.seal([1, 2, 3], using: key, authenticating: [4])
        #expect(try AES.GCM.open(box, using: key, authenticating: [4]) == [1, 2, 3])
        #expect(try AES.GCM.open(.init(combined: box.combined), using: key, authenticating: [4]) == [1, 2, 3])
        #expect(Array(box.nonce) + box.ciphertext + box.tag == box.combined && box.combined.count == 31)
        for count in [0, 4, 12, 15, 17] {
            let tag = (Array(box.tag) + [0]).prefix(count)
            refuses("a tag of \(count)") {
                _ = try AES.GCM.SealedBox(nonce: box.nonce, ciphertext: box.ciphertext, tag: tag)
            }
        }
        for count in [0, 11, 13, 16] {
            refuses("a nonce of \(count)") { _ = try AES.GCM.Nonce(data: Array(repeating: 0, count: count)) }
        }
        refuses("too short") { _ = try AES.GCM.SealedBox(combined: box.combined.prefix(27)) }
        for bits in [0, 64, 136, 512] {
            refuses("a key of \(bits)") {
                _ = try AES.GCM.seal([1], using: SymmetricKey(size: .init(bitCount: bits)))
            }
        }
        for index in box.combined.indices {
            var changed = box.combined
            changed[index] ^= 1
            refuses("byte \(index)") {
                _ = try AES.GCM.open(.init(combined: changed), using: key, authenticating: [4])
            }
        }
        refuses("other data") { _ = try AES.GCM.open(box, using: key) }
        refuses("another key") { _ = try AES.GCM.open(box, using: SymmetricKey(size: .bits256), authenticating: [4]) }
        let empty = try AES.GCM.seal([UInt8](), using: SymmetricKey(data: Array(repeating: 0, count: 16)))
        #expect(empty.combined.count == 28)
        #expect(try AES.GCM.seal([1], using: key).nonce != AES.GCM.seal([1], using: key).nonce)
    }

    @Test("AES-CTR: a counter block that is not 16 bytes, a key of another length")
    func ctr() throws {
        for count in [0, 12, 15, 17] {
            let block = [UInt8](repeating: 0, count: count)
            refuses { _ = try AES.CTR.encrypt([1], using: SymmetricKey(size: .bits128), counter: block) }
        }
        let block = [UInt8](repeating: 0, count: 16)
        refuses { _ = try AES.CTR.encrypt([1], using: SymmetricKey(data: [1]), counter: block) }
    }

    @Test("AES key wrap: nothing, 8 bytes, no multiple of 8, changed bytes, another key")
    func keyWrap() throws {
        let wrapping = SymmetricKey(size: .bits192)
        for count in [0, 8, 15, 17, 20] {
            refuses("\(count)") {
                _ = try AES.KeyWrap.wrap(SymmetricKey(size: .init(bitCount: count * 8)), using: wrapping)
            }
        }
        for count in [0, 8, 16, 23, 25, 28] {
            refuses("\(count)") { _ = try AES.KeyWrap.unwrap(Array(repeating: 0xA6, count: count), using: wrapping) }
        }
        refuses { _ = try AES.KeyWrap.wrap(SymmetricKey(size: .bits128), using: SymmetricKey(data: [1])) }
        let key = SymmetricKey(size: .bits256)
        let wrapped = try AES.KeyWrap.wrap(key, using: wrapping)
        #expect(try wrapped.count == 40 && AES.KeyWrap.unwrap(wrapped, using: wrapping) == key)
        for index in wrapped.indices {
            var changed = wrapped
            changed[index] ^= 1
            refuses("byte \(index)") { _ = try AES.KeyWrap.unwrap(changed, using: wrapping) }
        }
        refuses { _ = try AES.KeyWrap.unwrap(wrapped, using: SymmetricKey(size: .bits192)) }
    }

    @Test("Signatures that are wrong, cut, or another's are not valid, and leave no error behind")
    func signatures() throws {
        let digest = SHA256.hash(data: [1])
        let key = P256.Signing.PrivateKey()
        let signature = try key.signature(for: digest)
        #expect(key.publicKey.isValidSignature(signature, for: digest))
        #expect(!key.publicKey.isValidSignature(signature, for: SHA256.hash(data: [2])))
        #expect(!P256.Signing.PrivateKey().publicKey.isValidSignature(signature, for: digest))
        let zeros = try P256.Signing.ECDSASignature(rawRepresentation: Array(repeating: 0, count: 64))
        #expect(!key.publicKey.isValidSignature(zeros, for: digest))
        refuses { _ = try P256.Signing.ECDSASignature(rawRepresentation: signature.rawRepresentation.dropLast()) }
        refuses { _ = try P256.Signing.ECDSASignature(derRepresentation: signature.derRepresentation + [0]) }
        #expect(try P256.Signing.ECDSASignature(derRepresentation: signature.derRepresentation) == signature)

        let rsa = try RSA.Signing.PrivateKey(keySize: .bits2048)
        for padding in [RSA.Signing.Padding.PSS, .insecurePKCS1v1_5] {
            let signature = try rsa.signature(for: digest, padding: padding)
            func isValid(_ bytes: some Collection<UInt8>, _ padding: RSA.Signing.Padding) -> Bool {
                rsa.publicKey.isValidSignature(.init(rawRepresentation: bytes), for: digest, padding: padding)
            }
            let bytes = signature.rawRepresentation
            #expect(bytes.count == 256 && isValid(bytes, padding))
            #expect(
                !isValid(bytes, padding == .PSS ? .insecurePKCS1v1_5 : .PSS), "the padding is not chosen by what comes")
            #expect(!isValid(bytes.dropLast(), padding) && !isValid([0] + bytes, padding) && !isValid([], padding))
            #expect(!rsa.publicKey.isValidSignature(signature, for: SHA384.hash(data: [1]), padding: padding))
        }
        #expect(!CryptoLibrary.hasPendingError)
        let edwards = Curve25519.Signing.PrivateKey()
        #expect(!edwards.publicKey.isValidSignature(Array(repeating: 0, count: 64), for: [1]))
        #expect(!CryptoLibrary.hasPendingError)
        refuses { _ = try Curve25519.Signing.PublicKey(rawRepresentation: [1]) }
        refuses { _ = try Curve25519.Signing.PrivateKey(rawRepresentation: Array(repeating: 0, count: 33)) }
    }

    @Test("PSS is taken with a salt as long as the digest, and no other")
    func pssSalt() throws {
        // openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:N, over the byte 01.
        let key = try RSA.Signing.PublicKey(derRepresentation: try #require(Base64.decode(PSSVectors.key)))
        for (length, signature) in PSSVectors.signatures {
            let bytes = try #require(Base64.decode(signature))
            let isValid = key.isValidSignature(.init(rawRepresentation: bytes), for: SHA256.hash(data: [1]))
            #expect(isValid == (length == 32), "a salt of \(length)")
        }
    }

    @Test("RSA encryption: what does not fit, what is not for this key, and what was changed")
    func encryption() throws {
        let key = try RSA.Encryption.PrivateKey(keySize: .bits2048)
        for (padding, longest) in [(RSA.Encryption.Padding.insecurePKCS1v1_5, 245), (.PKCS1_OAEP_SHA256, 190)] {
            #expect(key.publicKey.longestMessage(padding) == longest)
            for count in [0, 1, longest] {
                let message = SecureRandom.bytes(count)
                let ciphertext = try key.publicKey.encrypt(message, padding: padding)
                #expect(try ciphertext.count == 256 && key.decrypt(ciphertext, padding: padding) == message)
            }
            refuses { _ = try key.publicKey.encrypt(SecureRandom.bytes(longest + 1), padding: padding) }
            let ciphertext = try key.publicKey.encrypt([1, 2, 3], padding: padding)
            let other = try RSA.Encryption.PrivateKey(keySize: .bits2048)
            refuses("another key") { _ = try other.decrypt(ciphertext, padding: padding) }
            refuses("a byte less") { _ = try key.decrypt(ciphertext.dropLast(), padding: padding) }
            refuses("a byte more") { _ = try key.decrypt([0] + ciphertext, padding: padding) }
            refuses("nothing") { _ = try key.decrypt([], padding: padding) }
            refuses("zeros") { _ = try key.decrypt(Array(repeating: 0, count: 256), padding: padding) }
            refuses("not below the modulus") {
                _ = try key.decrypt(Array(repeating: 0xFF, count: 256), padding: padding)
            }
        }
        // One in some four hundred has, by chance, what looks like the other padding.
        let opened = try (0..<8).map { _ in
            let oaep = try key.publicKey.encrypt([1], padding: .PKCS1_OAEP_SHA256)
            return try? key.decrypt(oaep, padding: .insecurePKCS1v1_5)
        }
        #expect(opened.contains(nil) && !opened.contains([1]) && !CryptoLibrary.hasPendingError, "another padding")
    }

    @Test("KMAC256: a key that is too short, a code of no bytes")
    func kmac() {
        refuses { _ = try KMAC256.code(key: SymmetricKey(data: [1, 2, 3]), message: [1], byteCount: 32) }
        refuses { _ = try KMAC256.code(key: SymmetricKey(size: .bits256), message: [1], byteCount: 0) }
    }
}
