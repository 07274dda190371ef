public import Bytes
import Crypto

/// An AMD root (ARK) or signing (ASK) certificate in SEV's own format.
///
/// Source: AMD 55766, appendix B.3 "AMD Signing Key Certificate Format". All numbers little-endian.
public struct SEVCACertificate: Sendable, Hashable {
    /// The whole certificate: 832 bytes for 2,048-bit keys, 1,600 for 4,096-bit ones.
    public let bytes: [UInt8]
    public let usage: SEVUsage
    /// The bytes that the signature covers: everything before it.
    let signedBytes: [UInt8]
    /// Big-endian.
    let exponent: [UInt8]
    /// Big-endian.
    let modulus: [UInt8]
    /// Big-endian. The Naples ARK was published without one in some copies.
    let signature: [UInt8]?

    /// Reads a certificate.
    ///
    /// - Throws: ``MalformedInput`` for another version, another key size or another length.
    public init(bytes: [UInt8]) throws(MalformedInput) {
        let subject = "SEV CA certificate"
        var cursor = ByteCursor(bytes, subject: subject)
        guard try cursor.u32() == 1 else { throw MalformedInput(subject, "its version is not 1") }
        try cursor.skip(32)  // key id, certifying key id
        usage = SEVUsage(rawValue: try cursor.u32())
        try cursor.skip(16)
        let (exponentBits, modulusBits) = (try cursor.u32(), try cursor.u32())
        guard exponentBits == modulusBits, [2048, 4096].contains(modulusBits) else {
            throw MalformedInput(subject, "its key has neither 2,048 nor 4,096 bits")
        }
        let size = Int(modulusBits / 8)
        exponent = try cursor.take(size).reversed()
        modulus = try cursor.take(size).reversed()
        signature = cursor.remaining == 0 ? nil : try cursor.take(size).reversed()
        try cursor.finish()
        self.bytes = bytes
        signedBytes = Array(bytes.prefix(64 + 2 * size))
    }

    /// SHA-256 over the bytes that the signature covers, by which roots are pinned.
    public var fingerprint: [UInt8] { Array(SHA256.hash(data: signedBytes)) }

    /// SHA-256 of the public key as a SubjectPublicKeyInfo, 32 bytes, as for an X.509 certificate of the same key.
    public var publicKeyFingerprint: [UInt8]? {
        (try? RSA.Signing.PublicKey(n: modulus, e: Array(exponent.drop { $0 == 0 })))
            .map { Array(SHA256.hash(data: $0.derRepresentation)) }
    }

    /// RSASSA-PSS with a salt as long as the digest: SHA-256 under a 2,048-bit key, SHA-384 under a 4,096-bit one.
    func isValid(_ signature: [UInt8], over message: [UInt8]) -> Bool {
        guard let key = try? RSA.Signing.PublicKey(n: modulus, e: Array(exponent.drop { $0 == 0 })) else {
            return false
        }
        let signature = RSA.Signing.RSASignature(rawRepresentation: signature)
        return modulus.count == 256
            ? key.isValidSignature(signature, for: SHA256.hash(data: message), padding: .PSS)
            : key.isValidSignature(signature, for: SHA384.hash(data: message), padding: .PSS)
    }

    func isSigned(by issuer: SEVCACertificate) -> Bool {
        guard let signature else { return false }
        return issuer.isValid(signature, over: signedBytes)
    }
}

/// The purpose of an SEV key. Source: AMD 55766, "Key Usage Enumeration".
public struct SEVUsage: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
    public let rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let ark = SEVUsage(rawValue: 0)
    public static let ask = SEVUsage(rawValue: 0x13)
    /// Marks an unused signature slot.
    public static let none = SEVUsage(rawValue: 0x1000)
    public static let oca = SEVUsage(rawValue: 0x1001)
    public static let pek = SEVUsage(rawValue: 0x1002)
    public static let pdh = SEVUsage(rawValue: 0x1003)
    public static let cek = SEVUsage(rawValue: 0x1004)

    public var description: String {
        switch self {
        case .ark: "ARK"
        case .ask: "ASK"
        case .none: "none"
        case .oca: "OCA"
        case .pek: "PEK"
        case .pdh: "PDH"
        case .cek: "CEK"
        default: "0x" + String(rawValue, radix: 16)
        }
    }
}

/// Source: AMD 55766, "Algorithm Enumeration".
public struct SEVAlgorithm: RawRepresentable, Sendable, Hashable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let none = SEVAlgorithm(rawValue: 0)
    public static let rsaSHA256 = SEVAlgorithm(rawValue: 0x1)
    public static let ecdsaSHA256 = SEVAlgorithm(rawValue: 0x2)
    public static let ecdhSHA256 = SEVAlgorithm(rawValue: 0x3)
    public static let rsaSHA384 = SEVAlgorithm(rawValue: 0x101)
    public static let ecdsaSHA384 = SEVAlgorithm(rawValue: 0x102)
    public static let ecdhSHA384 = SEVAlgorithm(rawValue: 0x103)
}
