import Bytes
import Formats

/// A public key with its algorithm. Source: RFC 5280, section 4.1; RFC 5480; RFC 3279.
///
/// It is not read by libcrypto, which accepts curves with explicit parameters.
struct SubjectPublicKeyInfo {
    let algorithm: KeyAlgorithm
    let key: [UInt8]

    init(algorithm: KeyAlgorithm, key: [UInt8]) { (self.algorithm, self.key) = (algorithm, key) }

    init(_ der: some Collection<UInt8>) throws(CryptoError) {
        do {
            let subject = "public key"
            var fields = try DERElement(Array(der), subject: subject).fields()
            algorithm = try KeyAlgorithm(try fields.next("the algorithm"), subject)
            key = try fields.next("the key").wholeBitString()
            try fields.finish()
        } catch { throw CryptoError(error) }
    }

    var der: [UInt8] {
        var writer = DERWriter()
        writer.sequence { info in
            algorithm.write(&info)
            info.bitString(key)
        }
        return writer.bytes
    }
}

/// A key's AlgorithmIdentifier.
enum KeyAlgorithm: Hashable {
    case rsa
    /// A named curve: P-256, P-384 or P-521.
    case ellipticCurve(String)
    /// Source: RFC 8410, section 3.
    case ed25519

    private static let edwards25519: OID = [1, 3, 101, 112]
    private static let rsaEncryption: OID = [1, 2, 840, 113549, 1, 1, 1]
    private static let ecPublicKey: OID = [1, 2, 840, 10045, 2, 1]
    private static let curves: [String: OID] = [
        "P-256": [1, 2, 840, 10045, 3, 1, 7], "P-384": [1, 3, 132, 0, 34], "P-521": [1, 3, 132, 0, 35],
    ]

    init(_ element: DERElement, _ subject: String) throws(MalformedInput) {
        var fields = try element.fields()
        let name = try fields.next("the algorithm's name").objectIdentifier()
        switch name {
        case Self.rsaEncryption:
            try fields.next("NULL").null()
            self = .rsa
        case Self.ecPublicKey:
            self = .ellipticCurve(try Self.curve(try fields.next("the curve"), subject))
        case Self.edwards25519: self = .ed25519
        default: throw MalformedInput(subject, "keys of the algorithm \(name) are not supported")
        }
        try fields.finish()
    }

    /// The curve of an object identifier.
    static func curve(_ element: DERElement, _ subject: String) throws(MalformedInput) -> String {
        guard element.tag == .objectIdentifier else {
            throw MalformedInput(subject, "its curve has explicit parameters: only named curves are supported")
        }
        let name = try element.objectIdentifier()
        guard let curve = curves.first(where: { $0.value == name })?.key else {
            throw MalformedInput(subject, "its curve \(name) is not P-256, P-384 or P-521")
        }
        return curve
    }

    func write(_ writer: inout DERWriter) {
        writer.sequence { identifier in
            switch self {
            case .rsa:
                identifier.objectIdentifier(Self.rsaEncryption)
                identifier.null()
            case .ellipticCurve(let name):
                identifier.objectIdentifier(Self.ecPublicKey)
                if let curve = Self.curves[name] { identifier.objectIdentifier(curve) }
            case .ed25519: identifier.objectIdentifier(Self.edwards25519)
            }
        }
    }
}

extension CryptoError {
    init(_ error: MalformedInput) { self = .unusableKey(error.description) }
}
