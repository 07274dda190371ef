import Bytes
import Formats

extension ECPublicKey {
    /// - Parameter der: a SubjectPublicKeyInfo with a named curve.
    public init(derRepresentation der: some Collection<UInt8>) throws(CryptoError) {
        let info = try SubjectPublicKeyInfo(der)
        guard info.algorithm == .ellipticCurve(Curve.curve.name) else {
            throw .unusableKey("the public key is not on \(Curve.curve.name)")
        }
        try self.init(x963Representation: info.key)
    }

    /// SubjectPublicKeyInfo.
    public var derRepresentation: [UInt8] {
        SubjectPublicKeyInfo(algorithm: .ellipticCurve(Curve.curve.name), key: x963Representation).der
    }

    /// `PUBLIC KEY`.
    public var pemRepresentation: String { PEMDocument(label: "PUBLIC KEY", der: derRepresentation).text }
}

extension ECPrivateKey {
    /// - Parameter der: PKCS #8.
    public init(derRepresentation der: some Collection<UInt8>) throws(CryptoError) {
        let fields: PrivateKeyFields
        do { fields = try PrivateKeyFields(pkcs8: Array(der), curve: Curve.curve.name) } catch {
            throw CryptoError(error)
        }
        try self.init(fields)
    }

    /// - Parameter pem: a text with one private key without a passphrase: `PRIVATE KEY` (PKCS #8) or `EC PRIVATE KEY`
    ///   (SEC 1).
    public init(pemRepresentation pem: String) throws(CryptoError) {
        let fields: PrivateKeyFields
        do { fields = try PrivateKeyFields(pem: pem, curve: Curve.curve.name) } catch { throw CryptoError(error) }
        try self.init(fields)
    }

    private init(_ fields: PrivateKeyFields) throws(CryptoError) {
        self = try fields.number.withBytes { (number) throws(CryptoError) in try Self(rawRepresentation: number) }
        if let point = fields.point {
            guard point == publicKey.x963Representation else {
                throw .unusableKey("the private key's text holds another key's public key")
            }
        }
    }

    /// PKCS #8. The caller must wipe it.
    public var derRepresentation: [UInt8] {
        var (number, inner) = (rawRepresentation, DERWriter())
        defer { number.wipe() }
        inner.sequence { key in
            key.integer(1)
            key.octetString(number)
            key.explicit(1) { $0.bitString(publicKey.x963Representation) }
        }
        var writer = DERWriter()
        writer.sequence { info in
            info.integer(0)
            KeyAlgorithm.ellipticCurve(Curve.curve.name).write(&info)
            info.octetString(inner.bytes)
        }
        return writer.bytes
    }

    /// `PRIVATE KEY` (PKCS #8).
    public var pemRepresentation: String { PEMDocument(label: "PRIVATE KEY", der: derRepresentation).text }
}

extension ECDSASignature {
    /// - Parameter der: a SEQUENCE of the INTEGERs r and s. Strictly DER, so that a signature has one form.
    /// - Throws: ``CryptoError``, also for a number longer than the curve's size.
    public init(derRepresentation der: some Collection<UInt8>) throws(CryptoError) {
        let (r, s): ([UInt8], [UInt8])
        do {
            var fields = try DERElement(Array(der), subject: "ECDSA signature").fields()
            (r, s) = (try fields.next("r").magnitude(), try fields.next("s").magnitude())
            try fields.finish()
        } catch { throw .incorrectSize(error.description) }
        let size = Curve.curve.size
        guard r.count <= size, s.count <= size else {
            throw .incorrectSize("the signature's numbers are longer than those of \(Curve.curve.name)")
        }
        func padded(_ number: [UInt8]) -> [UInt8] { Array(repeating: 0, count: size - number.count) + number }
        try self.init(rawRepresentation: padded(r) + padded(s))
    }

    /// A SEQUENCE of the INTEGERs r and s.
    public var derRepresentation: [UInt8] {
        var writer = DERWriter()
        writer.sequence { numbers in
            numbers.integer(magnitude: Array(r))
            numbers.integer(magnitude: Array(s))
        }
        return writer.bytes
    }
}

/// The contents of an encoded private key on a curve.
private struct PrivateKeyFields {
    let number: Secret
    let point: [UInt8]?

    private static let subject = "private key"

    init(pem: String, curve: String) throws(MalformedInput) {
        let keys = try PEMDocument.read(Array(pem.utf8)).filter { $0.label.hasSuffix("PRIVATE KEY") }
        guard let key = keys.first, keys.count == 1 else {
            throw MalformedInput("PEM file", "it should hold one private key, and holds \(keys.count)")
        }
        switch key.label {
        case "PRIVATE KEY": try self.init(pkcs8: key.der, curve: curve)
        case "EC PRIVATE KEY":
            try self.init(sec1: try DERElement(key.der, subject: Self.subject), curve: curve, mustNameCurve: true)
        default: throw MalformedInput("PEM file", "\(key.label) is not a key on a curve without a passphrase")
        }
    }

    /// Source: RFC 5208, section 5; RFC 5958, section 2.
    init(pkcs8 der: [UInt8], curve: String) throws(MalformedInput) {
        var fields = try DERElement(der, subject: Self.subject).fields()
        guard try fields.next("the version").integer() == 0 else {
            throw MalformedInput(Self.subject, "its version is not 0")
        }
        let algorithm = try KeyAlgorithm(try fields.next("the algorithm"), Self.subject)
        guard algorithm == .ellipticCurve(curve) else { throw MalformedInput(Self.subject, "it is not on \(curve)") }
        let key = try fields.next("the key").octetString()
        // Attributes, which are ignored.
        _ = try fields.optional(.constructed(0))
        try fields.finish()
        try self.init(sec1: try DERElement(key, subject: Self.subject), curve: curve, mustNameCurve: false)
    }

    /// Source: RFC 5915, section 3.
    private init(sec1 element: DERElement, curve: String, mustNameCurve: Bool) throws(MalformedInput) {
        var fields = try element.fields()
        guard try fields.next("the version").integer() == 1 else {
            throw MalformedInput(Self.subject, "its version is not 1")
        }
        var number = try fields.next("the number").octetString()
        self.number = Secret(wiping: &number)
        if let named = try fields.optionalExplicit(0) {
            guard try KeyAlgorithm.curve(named, Self.subject) == curve else {
                throw MalformedInput(Self.subject, "it is not on \(curve)")
            }
        } else if mustNameCurve {
            throw MalformedInput(Self.subject, "it names no curve")
        }
        point = try fields.optionalExplicit(1)?.wholeBitString()
        try fields.finish()
    }
}
