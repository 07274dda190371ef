import Bytes
import Crypto
import Testing

/// Hex digits, of which line ends and spaces are left out.
func hex(_ digits: String) throws -> [UInt8] {
    try #require(Hex.decode(digits.filter { !$0.isWhitespace }))
}

@Suite("Known answers of the standards")
struct KnownAnswerTests {
    @Test("SHA-2 of \"abc\" and of nothing is FIPS 180-4's")
    func digests() throws {
        #expect(
            SHA256.hash(data: "abc".utf8).description
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(
            try Array(SHA384.hash(data: "abc".utf8))
                == hex(
                    """
                    cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed
                    8086072ba1e7cc2358baeca134c825a7
                    """))
        #expect(
            try Array(SHA512.hash(data: "abc".utf8))
                == hex(
                    """
                    ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a
                    2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f
                    """))
        #expect(
            SHA256.hash(data: [UInt8]()).description
                == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        #expect(SHA256.byteCount == 32 && SHA384Digest.byteCount == 48 && SHA512.Digest.byteCount == 64)
    }

    @Test("HMAC gives the codes of RFC 4231, section 4.2, and of an empty key")
    func hmac() throws {
        let key = SymmetricKey(data: Array(repeating: UInt8(0x0B), count: 20))
        let message = "Hi There".utf8
        #expect(
            try Array(HMAC<SHA256>.authenticationCode(for: message, using: key))
                == hex("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"))
        #expect(
            try Array(HMAC<SHA384>.authenticationCode(for: message, using: key))
                == hex(
                    """
                    afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c
                    faea9ea9076ede7f4af152e8b2fa9cb6
                    """))
        #expect(
            try Array(HMAC<SHA512>.authenticationCode(for: message, using: key))
                == hex(
                    """
                    87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde
                    daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854
                    """))
        // What Python's hmac gives.
        #expect(
            try Array(HMAC<SHA256>.authenticationCode(for: [UInt8](), using: SymmetricKey(data: [UInt8]())))
                == hex("b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"))
    }

    @Test("HKDF without salt is RFC 5869's, appendix A.3, which is as with a salt of zeros")
    func hkdf() throws {
        let key = SymmetricKey(data: Array(repeating: UInt8(0x0B), count: 22))
        let expected = try hex(
            """
            8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8
            """)
        #expect(HKDF<SHA256>.deriveKey(inputKeyMaterial: key, outputByteCount: 42) == SymmetricKey(data: expected))
        let zeros = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: key, salt: Array(repeating: UInt8(0), count: 32), outputByteCount: 42)
        #expect(zeros == SymmetricKey(data: expected))
        // No key material is a text like any other.
        let empty = HKDF<SHA256>.deriveKey(inputKeyMaterial: SymmetricKey(data: [UInt8]()), outputByteCount: 16)
        #expect(empty != SymmetricKey(data: expected.prefix(16)) && empty.bitCount == 128)
    }

    @Test("AES-CTR is NIST SP 800-38A's, F.5.1, with a counter that carries over")
    func ctr() throws {
        let key = SymmetricKey(data: try hex("2b7e151628aed2a6abf7158809cf4f3c"))
        let block = try hex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
        let message = try hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51")
        let expected = try hex("874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff")
        #expect(try AES.CTR.encrypt(message, using: key, counter: block) == expected)
        #expect(try AES.CTR.encrypt(expected, using: key, counter: block) == message)
        #expect(try AES.CTR.encrypt(message.prefix(5), using: key, counter: block) == Array(expected.prefix(5)))
        #expect(try AES.CTR.encrypt([UInt8](), using: key, counter: block).isEmpty)
    }

    @Test("AES key wrap is RFC 3394's, section 4.6")
    func keyWrap() throws {
        let wrapping = SymmetricKey(data: Array(UInt8(0)...0x1F))
        let key = SymmetricKey(data: try hex("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f"))
        let wrapped = try hex(
            "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21")
        #expect(try AES.KeyWrap.wrap(key, using: wrapping) == wrapped)
        #expect(try AES.KeyWrap.unwrap(wrapped, using: wrapping) == key)
    }

    /// Source: NIST, "KMAC_samples", samples 4, 5 and 6.
    @Test(
        "KMAC256 gives NIST's sample codes",
        arguments: [
            (
                4, "My Tagged Application",
                "20c570c31346f703c9ac36c61c03cb64c3970d0cfc787e9b79599d273a68d2f7"
                    + "f69d4cc3de9d104a351689f27cf6f5951f0103f33f4f24871024d9c27773a8dd"
            ),
            (
                200, "",
                "75358cf39e41494e949707927cee0af20a3ff553904c86b08f21cc414bcfd691"
                    + "589d27cf5e15369cbbff8b9a4c2eb17800855d0235ff635da82533ec6b759b69"
            ),
            (
                200, "My Tagged Application",
                "b58618f71f92e1d56c1b8c55ddd7cd188b97b4ca4d99831eb2699a837da2e4d9"
                    + "70fbacfde50033aea585f1a2708510c32d07880801bd182898fe476876fc8965"
            ),
        ])
    func kmac(length: Int, customization: String, expected: String) throws {
        let code = try KMAC256.code(
            key: SymmetricKey(data: (0x40...0x5F).map { UInt8($0) }), message: (0..<length).map { UInt8($0) },
            byteCount: 64, customization: Array(customization.utf8))
        #expect(code.withUnsafeBytes { Hex.encode(Array($0)) } == expected)
    }

    @Test(
        "Ed25519 is RFC 8032's, section 7.1",
        arguments: [
            (
                "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
            ),
            (
                "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
            ),
        ])
    func ed25519(seed: String, key: String, message: String, signature: String) throws {
        let privateKey = try Curve25519.Signing.PrivateKey(rawRepresentation: hex(seed))
        #expect(try privateKey.publicKey.rawRepresentation == hex(key) && privateKey.rawRepresentation == hex(seed))
        #expect(try privateKey.signature(for: hex(message)) == hex(signature))
        let publicKey = try Curve25519.Signing.PublicKey(rawRepresentation: hex(key))
        #expect(try publicKey.isValidSignature(hex(signature), for: hex(message)))
        #expect(try !publicKey.isValidSignature(hex(signature), for: hex(message) + [0]))
        #expect(try !publicKey.isValidSignature(hex(signature).dropLast(), for: hex(message)))
    }

    @Test("ECDSA on P-384 verifies RFC 6979's signature, appendix A.2.6")
    func ecdsa() throws {
        let number = try hex(
            """
            6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d8
            96d5724e4c70a825f872c9ea60d2edf5
            """)
        let point = try hex(
            """
            ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a254515480bc13
            8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264720
            """)
        let signature = try P384.Signing.ECDSASignature(
            rawRepresentation: hex(
                """
                94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe46
                99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8
                """))
        let key = try P384.Signing.PrivateKey(rawRepresentation: number)
        #expect(key.publicKey.rawRepresentation == point && key.rawRepresentation == number)
        #expect(key.publicKey.isValidSignature(signature, for: SHA384.hash(data: "sample".utf8)))
        #expect(!key.publicKey.isValidSignature(signature, for: SHA384.hash(data: "test".utf8)))
    }
}
