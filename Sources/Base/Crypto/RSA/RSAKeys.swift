public import Bytes
import COpenSSL
import Formats

/// RSA with 2,048 to 4,096 bits. Source: RFC 8017.
public enum RSA {
    /// Keys for signatures.
    public enum Signing: Sendable {
        public typealias PublicKey = RSAPublicKey<RSA.Signing>
        public typealias PrivateKey = RSAPrivateKey<RSA.Signing>
    }

    /// Keys for encryption.
    public enum Encryption: Sendable {
        public typealias PublicKey = RSAPublicKey<RSA.Encryption>
        public typealias PrivateKey = RSAPrivateKey<RSA.Encryption>
    }

    /// The size of the modulus.
    public struct KeySize: Sendable {
        public let bitCount: Int

        public init(bitCount: Int) { self.bitCount = bitCount }

        public static let bits2048 = KeySize(bitCount: 2_048)
        public static let bits4096 = KeySize(bitCount: 4_096)
    }

    /// The allowed sizes of a modulus: smaller ones are broken, larger ones only cost time.
    static let bits = 2_048...4_096
    /// The longest public exponent, in bits. Those in use are 3 and 65,537; a long one only costs time.
    static let longestExponent = 33
}

/// A public key for one use: `RSA.Signing.PublicKey` or `RSA.Encryption.PublicKey`. Copies share it.
public struct RSAPublicKey<Use: Sendable>: Sendable {
    let object: KeyObject
    /// Big-endian, without leading zeros.
    public let modulus: [UInt8]
    /// Big-endian, without leading zeros.
    public let publicExponent: [UInt8]

    /// - Parameters:
    ///   - n: the modulus, big-endian.
    ///   - e: the public exponent, big-endian.
    /// - Throws: ``CryptoError/unusableKey(_:)`` for weak keys that libcrypto accepts: an even modulus, another size than
    ///   2,048 to 4,096 bits, an exponent that is even, 1 or longer than 33 bits, primes of a flawed generator (ROCA).
    public init(n: some Collection<UInt8>, e: some Collection<UInt8>) throws(CryptoError) {
        let (n, e) = (Array(n.drop { $0 == 0 }), Array(e.drop { $0 == 0 }))
        try Self.check(n, e)
        var parameters = Parameters()
        parameters.add("n", number: n)
        parameters.add("e", number: e)
        guard let object = KeyObject("RSA", .publicKey, parameters) else {
            throw .unusableKey("libcrypto refuses the RSA key")
        }
        (self.object, modulus, publicExponent) = (object, n, e)
    }

    fileprivate init(_ object: KeyObject) {
        self.object = object
        modulus = object.number("n").required("an RSA key's modulus")
        publicExponent = object.number("e").required("an RSA key's exponent")
    }

    fileprivate static func check(_ n: [UInt8], _ e: [UInt8]) throws(CryptoError) {
        let bits = bitCount(n)
        guard RSA.bits.contains(bits) else {
            throw .unusableKey("an RSA key has 2,048 to 4,096 bits here, not \(bits)")
        }
        guard n.last.map({ $0 & 1 == 1 }) == true else { throw .unusableKey("the RSA key's modulus is even") }
        guard e.last.map({ $0 & 1 == 1 }) == true, e != [1], bitCount(e) <= RSA.longestExponent else {
            throw .unusableKey("the RSA key's exponent is even, 1, or longer than \(RSA.longestExponent) bits")
        }
        guard !WeakModulus.isGuessable(n) else {
            throw .unusableKey("the RSA key's primes can be guessed: its generator has the flaw CVE-2017-15361 (ROCA)")
        }
    }

    private static func bitCount(_ number: [UInt8]) -> Int {
        number.count * 8 - (number.first?.leadingZeroBitCount ?? 0)
    }

    public var keySizeInBits: Int { Self.bitCount(modulus) }

    /// The length of a signature or ciphertext, in bytes.
    var size: Int { modulus.count }

    /// - Parameter der: a SubjectPublicKeyInfo.
    public init(derRepresentation der: some Collection<UInt8>) throws(CryptoError) {
        let info = try SubjectPublicKeyInfo(der)
        guard info.algorithm == .rsa else { throw .unusableKey("it is not an RSA key") }
        let (n, e): ([UInt8], [UInt8])
        do {
            var fields = try DERElement(info.key, subject: "RSA public key").fields()
            (n, e) = (try fields.next("the modulus").magnitude(), try fields.next("the exponent").magnitude())
            try fields.finish()
        } catch { throw CryptoError(error) }
        try self.init(n: n, e: e)
    }

    /// SubjectPublicKeyInfo.
    public var derRepresentation: [UInt8] {
        var numbers = DERWriter()
        numbers.sequence { key in
            key.integer(magnitude: modulus)
            key.integer(magnitude: publicExponent)
        }
        return SubjectPublicKeyInfo(algorithm: .rsa, key: numbers.bytes).der
    }
}

/// A private key for one use: `RSA.Signing.PrivateKey` or `RSA.Encryption.PrivateKey`. Copies share it; the last one wipes
/// it.
public struct RSAPrivateKey<Use: Sendable>: Sendable {
    let object: KeyObject
    public let publicKey: RSAPublicKey<Use>

    /// A new key with the exponent 65,537. Slow.
    ///
    /// - Throws: ``CryptoError`` for another size than 2,048 to 4,096 bits.
    public init(keySize: RSA.KeySize) throws(CryptoError) {
        guard RSA.bits.contains(keySize.bitCount) else {
            throw .unusableKey("an RSA key has 2,048 to 4,096 bits here, not \(keySize.bitCount)")
        }
        let made = KeyObject.generate("RSA") { EVP_PKEY_CTX_set_rsa_keygen_bits($0, Int32(keySize.bitCount)) == 1 }
        guard let made else { throw .unavailable("libcrypto cannot make an RSA key of \(keySize.bitCount) bits") }
        self.init(made)
    }

    private init(_ object: KeyObject) {
        self.object = object
        publicKey = RSAPublicKey(object)
    }

    /// - Parameter numbers: n, e, d, p, q, d mod p−1, d mod q−1, 1/q mod p; big-endian.
    /// - Throws: ``CryptoError`` when the public key is invalid, or n is not p times q.
    package init(numbers: [[UInt8]]) throws(CryptoError) {
        let numbers = numbers.map { Array($0.drop { $0 == 0 }) }
        guard numbers.count == Self.names.count, !numbers.contains(where: \.isEmpty) else {
            throw .unusableKey("the RSA private key lacks a number")
        }
        try RSAPublicKey<Use>.check(numbers[0], numbers[1])
        guard Self.isProduct(numbers[0], of: numbers[3], numbers[4]) else {
            throw .unusableKey("the product of the RSA private key's primes is not its modulus")
        }
        var parameters = Parameters()
        for (name, number) in zip(Self.names, numbers) { parameters.add(name, number: number) }
        guard let object = KeyObject("RSA", .pair, parameters) else {
            throw .unusableKey("libcrypto refuses the RSA private key")
        }
        self.init(object)
    }

    /// libcrypto's names, in the order of PKCS #1.
    private static var names: [StaticString] {
        ["n", "e", "d", "rsa-factor1", "rsa-factor2", "rsa-exponent1", "rsa-exponent2", "rsa-coefficient1"]
    }

    private static func isProduct(_ n: [UInt8], of p: [UInt8], _ q: [UInt8]) -> Bool {
        let numbers = [n, p, q].map { number in number.withBytes { BN_bin2bn($0, Int32($1), nil) } }
        let product = BN_new()
        let context = BN_CTX_new()
        defer {
            for number in numbers + [product] { BN_clear_free(number) }
            BN_CTX_free(context)
        }
        guard let product, let context, let n = numbers[0], let p = numbers[1], let q = numbers[2],
            BN_mul(product, p, q, context) == 1
        else { return false }
        return BN_cmp(product, n) == 0
    }

    /// - Parameter der: PKCS #1 (RSAPrivateKey).
    public init(derRepresentation der: some Collection<UInt8>) throws(CryptoError) {
        var numbers: [[UInt8]] = []
        do throws(MalformedInput) {
            let subject = "RSA private key"
            var fields = try DERElement(Array(der), subject: subject).fields()
            guard try fields.next("the version").integer() == 0 else {
                throw MalformedInput(subject, "it is not of version 0, with two primes")
            }
            for _ in Self.names { numbers.append(try fields.next("a number").magnitude()) }
            try fields.finish()
        } catch { throw CryptoError(error) }
        defer { for index in numbers.indices { numbers[index].wipe() } }
        try self.init(numbers: numbers)
    }

    /// PKCS #1 (RSAPrivateKey). The caller must wipe it.
    public var derRepresentation: [UInt8] {
        var writer = DERWriter()
        writer.sequence { key in
            key.integer(0)
            for name in Self.names {
                key.integer(magnitude: object.number("\(name)").required("an RSA key's number \(name)"))
            }
        }
        return writer.bytes
    }
}

extension RSAPrivateKey: Unprintable {
    public var description: String { "a private RSA key of \(publicKey.keySizeInBits) bits" }
}
