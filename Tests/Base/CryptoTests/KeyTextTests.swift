import Bytes
@testable import Crypto
import Testing

/// The texts were made by the `openssl` command.
@Suite("Keys as DER and PEM")
struct KeyTextTests {
    private static let number = "5abd848d9d289450673c8f269fc6989ca84589c554060dcdba199cc1d14db627"
    private static let parameters = """
        -----BEGIN EC PARAMETERS-----
        BggqhkjOPQMBBw==
        -----END EC PARAMETERS-----

        """
    private static let sec1 = """
        -----BEGIN EC PRIVATE KEY-----
        MHcCAQEEIFq9hI2dKJRQZzyPJp/GmJyoRYnFVAYNzboZnMHRTbYnoAoGCCqGSM49
        AwEHoUQDQgAEovPqecwsRpuLtMVgM4n/os01ijGDvLf8MXg7CUxMlItjZ81+0+E4
        Qqonep5RFgK6gpMHOxuMzkfCszPUjNtM3g==
        -----END EC PRIVATE KEY-----

        """
    private static let pkcs8 = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgWr2EjZ0olFBnPI8m
        n8aYnKhFicVUBg3NuhmcwdFNtiehRANCAASi8+p5zCxGm4u0xWAzif+izTWKMYO8
        t/wxeDsJTEyUi2NnzX7T4ThCqid6nlEWArqCkwc7G4zOR8KzM9SM20ze
        -----END PRIVATE KEY-----

        """
    private static let publicKey = """
        -----BEGIN PUBLIC KEY-----
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEovPqecwsRpuLtMVgM4n/os01ijGD
        vLf8MXg7CUxMlItjZ81+0+E4Qqonep5RFgK6gpMHOxuMzkfCszPUjNtM3g==
        -----END PUBLIC KEY-----

        """
    /// The same point, with the curve described in place of named.
    private static let described = """
        MIIBSzCCAQMGByqGSM49AgEwgfcCAQEwLAYHKoZIzj0BAQIhAP////8AAAABAAAA
        AAAAAAAAAAAA////////////////MFsEIP////8AAAABAAAAAAAAAAAAAAAA////
        ///////////8BCBaxjXYqjqT57PrvVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMVAMSd
        NgiG5wSTamZ44ROdJreBn36QBEEEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5
        RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9QIhAP////8AAAAA
        //////////+85vqtpxeehPO5ysL8YyVRAgEBA0IABKLz6nnMLEabi7TFYDOJ/6LN
        NYoxg7y3/DF4OwlMTJSLY2fNftPhOEKqJ3qeURYCuoKTBzsbjM5HwrMz1IzbTN4=
        """
    private static let compressed = """
        MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgACovPqecwsRpuLtMVgM4n/os01ijGD
        vLf8MXg7CUxMlIs=
        """
    /// PKCS #1.
    private static let rsa = """
        MIIEogIBAAKCAQEAshXuWQXp0LMTNxL8m2Qt7sfJnRENPl4MyELTpyamuXQV2Nr7S2tTpH+EdGNH3p6IH6NJnlT4sy9x6Qapr8vk
        k03BSiV0NgbSSAUBCxcvCf8j5iHjxjCQIZe6lDAsFPYdVIfbV3teIEuS6dG8ycxGP+bIz40RZqs7BtF0n1y2qoQvKtYUy8hpPji8
        3ruVTK05PqHNW71jZYXRUQub7b8c/xs2v8s0HJH9tCkwBXzjvNwMopZLeC8+9/bUgPu4x/WJVEQ11sM5W2jLXbwAIIxygZ/q9DnY
        XorWFg4fW9hXqDHEJw2nuzasHVNz3rqV7k2zhf/Vnx+/zGGQoIHce96IpwIDAQABAoIBAAS7rtHgkDDS+ZvunhZ2iKlT17NxfGkf
        xcuIHyj4+YMXUeypZqFqsQE/vwz62zJQWKzX7FZ6yqtfLkdeZ8x7fk/onU5eWs2EITr3IGp44MVYFHkC2z4YFKntPEZrq1hD8aP0
        AmvmTv+hEpQIAN0E2AnNv/Y9jmyso2J7LFQp+imOU1yiMfdWHgV8QUI46R2y6XebPK3OIvUhZ6o/zgj3lq3YPGbEuG8VzsnyhI+U
        yu5+4LjJh5VR5cFrbi15QF3dSDaRSt8hzpJtO2qWl1vyMQe43nNXbBBwMye5W55Z5lBbVZrTlh+nhwH0IGRsvJX6xId6M+50bTQ3
        yO4BlVie2S0CgYEA9rg8zS9sVyk2xKXaiw+OtJIpSvK7tlpkman74tLubaGaAex0qc6y2Gy7e4TR6qmsGTlNKtrPCeLCp/EM67Rd
        QSu7zkLLaFeREcf4vrT0848HwPiAU2ASvklMGG6alqDjA27whT18cbyZLPJO5uX6FTpDA7XxeevF8+0kwUDgrqMCgYEAuMjKCP8J
        7zXQssHIX15B1yvKpirERtWguIYk6y6dGdshAHQ6weNUqvxUeUhywSJnAjssUMUia1FWO5FEF7JTqMPnzFBJLyo7JliMRXsjie8n
        x2IoePA5GhbOIFi5SKuNEwxyiFTfJKD7xolLOdcDwzLdgpJwfBz3QG7lwzzsMi0CgYAcSnYWZTi8Keqw0//icE9B33zCrmDeATGF
        +Vr74IocoipBzDZ4fk49yQIaoNldWkV0wwBZSKvzC0Cc92Qu5wjGf1hSx5ABkAD/k/mvDJsGDsGp3BUC+oJLtaX3Kz+oxBwj+aW0
        8Z8Cf8jkwYhQq9BofLzQgR2GiIWzed78Fg9tlwKBgDPP2RZ8rIRuSn5U56IWA9AZb1D4XOCftdkHhAKNp29AihhefrsuyubGqcj4
        D3Un+Eof3WUoYWZGAC/jo3whfGOtyqj3Og4HgV5XJb21sVlTvYuicka21MwD6PgY6Jr/vybALr0bTxYuLWqVxIoLR/rLoGCkPvYO
        CSX/8ly0EGZhAoGABdNs7D3SJOQt0+zNoLvPWClfg/TNPsIjGisI3NozOAPqmoacc3Ja6/n9p7qgz1szq03xXzlkC/auY1RSDFjm
        0bTlXtjzrechO9vPqNKFv5EZuRZavlmpIwD7J5n2NKg3lfwLZ7bx6vd07Q5bhFEt7jZyEaeWRqAtCj9CZny8tVs=
        """

    private static func der(_ base64: String) throws -> [UInt8] {
        try #require(Base64.decode(base64.filter { !$0.isWhitespace }))
    }

    @Test("A private key is read from PKCS #8 and from SEC 1, also behind the parameters that openssl writes")
    func privateKeys() throws {
        for pem in [Self.sec1, Self.parameters + Self.sec1, Self.pkcs8, "a comment\n" + Self.pkcs8] {
            let key = try P256.Signing.PrivateKey(pemRepresentation: pem)
            #expect(try key.rawRepresentation == hex(Self.number))
            #expect(key.pemRepresentation == Self.pkcs8 && key.publicKey.pemRepresentation == Self.publicKey)
            #expect(
                try P256.Signing.PrivateKey(derRepresentation: key.derRepresentation).rawRepresentation
                    == key.rawRepresentation)
        }
    }

    @Test("Keys on every curve are read again as they were written")
    func roundTrip() throws {
        func check<Curve: PrimeCurve>(_ curve: Curve.Type) throws {
            let key = ECPrivateKey<Curve, ECDSA>()
            let again = try ECPrivateKey<Curve, ECDSA>(pemRepresentation: key.pemRepresentation)
            #expect(again.rawRepresentation == key.rawRepresentation)
            let point = try ECPublicKey<Curve, ECDSA>(derRepresentation: key.publicKey.derRepresentation)
            #expect(point.x963Representation == key.publicKey.x963Representation)
            let digest = SHA512.hash(data: [1])
            #expect(point.isValidSignature(try again.signature(for: digest), for: digest))
        }
        try check(P256.self)
        try check(P384.self)
        try check(P521.self)
    }

    @Test("A private key in another text is refused with the reason")
    func refusedPrivateKeys() throws {
        let good = try P256.Signing.PrivateKey(pemRepresentation: Self.pkcs8)
        let refused: [(String, String)] = [
            ("", "holds 0"), (Self.publicKey, "holds 0"), (Self.pkcs8 + Self.sec1, "holds 2"),
            (P384.Signing.PrivateKey().pemRepresentation, "not on P-256"),
            (Self.pkcs8.replacing("PRIVATE KEY", with: "ENCRYPTED PRIVATE KEY"), "without a passphrase"),
            (Self.sec1.replacing("EC PRIVATE", with: "RSA PRIVATE"), "RSA PRIVATE KEY"),
            (
                Self.sec1.replacing(
                    "KEY-----\nM", with: "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nM"),
                "passphrase"
            ),
            (String(Self.pkcs8.dropLast(40)), "cut short"),
        ]
        for (pem, reason) in refused {
            let error = #expect(throws: CryptoError.self) { try P256.Signing.PrivateKey(pemRepresentation: pem) }
            #expect(error?.description.contains(reason) == true, "\(error?.description ?? "none") should say \(reason)")
        }
        var der = good.derRepresentation
        der[der.count - 1] ^= 1
        #expect(throws: CryptoError.self, "another key's public part") {
            try P256.Signing.PrivateKey(derRepresentation: der)
        }
        #expect(throws: CryptoError.self, "bytes behind it") {
            try P256.Signing.PrivateKey(derRepresentation: good.derRepresentation + [0])
        }
    }

    @Test("A public key is DER with a named curve and a whole point: libcrypto's own reader is not asked")
    func publicKeys() throws {
        let der = try P256.Signing.PrivateKey(pemRepresentation: Self.pkcs8).publicKey.derRepresentation
        #expect(try P256.Signing.PublicKey(derRepresentation: der).derRepresentation == der)
        // A length in two bytes where one does, as BER has it.
        let long = [0x30, 0x81] + der.dropFirst()
        for (bytes, reason) in [
            (try Self.der(Self.described), "explicit"), (try Self.der(Self.compressed), "a point of"),
            (long, "not minimal"), (der + [0], "follow"), (Array(der.dropLast()), "left"), ([], "within"),
        ] {
            let error = #expect(throws: CryptoError.self) { try P256.Signing.PublicKey(derRepresentation: bytes) }
            #expect(error?.description.contains(reason) == true, "\(error?.description ?? "none") should say \(reason)")
        }
        #expect(throws: CryptoError.self) { try P384.Signing.PublicKey(derRepresentation: der) }
        #expect(throws: CryptoError.self) { try RSA.Signing.PublicKey(derRepresentation: der) }
    }

    @Test("RSA keys are read again as they were written: PKCS #1, and SubjectPublicKeyInfo")
    func rsa() throws {
        let der = try Self.der(Self.rsa)
        let key = try RSA.Encryption.PrivateKey(derRepresentation: der)
        #expect(key.derRepresentation == der && key.publicKey.keySizeInBits == 2_048)
        let made = try RSA.Signing.PrivateKey(keySize: .bits2048)
        let again = try RSA.Signing.PrivateKey(derRepresentation: made.derRepresentation)
        let digest = SHA256.hash(data: [1])
        let publicKey = try RSA.Signing.PublicKey(derRepresentation: made.publicKey.derRepresentation)
        #expect(publicKey.isValidSignature(try again.signature(for: digest), for: digest))
        #expect(publicKey.modulus == made.publicKey.modulus && publicKey.publicExponent == [1, 0, 1])
        #expect(throws: CryptoError.self) { try P256.Signing.PublicKey(derRepresentation: publicKey.derRepresentation) }
    }

    @Test("An RSA private key whose primes do not make its modulus, or that lacks a number, is refused")
    func brokenRSA() throws {
        let der = try Self.der(Self.rsa)
        #expect(throws: CryptoError.self) { try RSA.Signing.PrivateKey(derRepresentation: der + [0]) }
        #expect(throws: CryptoError.self) { try RSA.Signing.PrivateKey(derRepresentation: der.dropLast()) }
        let one = try RSA.Signing.PrivateKey(derRepresentation: der)
        let names = ["n", "e", "d", "rsa-factor1", "rsa-factor2", "rsa-exponent1", "rsa-exponent2", "rsa-coefficient1"]
        let numbers = try names.map { try #require(one.object.number($0)) }
        #expect(try RSA.Signing.PrivateKey(numbers: numbers).derRepresentation == der)
        for index in numbers.indices {
            var lacking = numbers
            lacking[index] = [0]
            #expect(throws: CryptoError.self, "without \(names[index])") {
                try RSA.Signing.PrivateKey(numbers: lacking)
            }
        }
        for index in [0, 3, 4] {
            var other = numbers
            other[index][0] ^= 2
            #expect(throws: CryptoError.self, "another \(names[index])") { try RSA.Signing.PrivateKey(numbers: other) }
        }
        #expect(throws: CryptoError.self) { try RSA.Signing.PrivateKey(numbers: Array(numbers.dropLast())) }
    }
}
