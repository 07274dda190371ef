public import Bytes
package import Crypto

/// A platform's certificate (CEK, OCA, PEK or PDH) in SEV's own format, 2,084 bytes.
///
/// Source: AMD 55766, appendix B.1 "SEV Certificate Format". All numbers little-endian.
public struct SEVCertificate: Sendable, Hashable {
    public static let size = 2_084
    static let signedSize = 1_044

    public enum Curve: UInt32, Sendable { case p256 = 1, p384 = 2 }

    /// A public key: the curve, and the point's coordinates as 72 bytes each, little-endian.
    public struct PublicKey: Sendable, Hashable {
        /// `nil` for an unknown curve.
        public let curve: Curve?
        public let x: [UInt8]
        public let y: [UInt8]
    }

    /// One of the two signature slots; 512 bytes.
    public struct Signature: Sendable, Hashable {
        public var usage: SEVUsage
        public var algorithm: SEVAlgorithm
        public var bytes: [UInt8]

        public init(usage: SEVUsage, algorithm: SEVAlgorithm, bytes: [UInt8]) {
            self.usage = usage
            self.algorithm = algorithm
            self.bytes = bytes
        }

        public static let empty = Signature(usage: .none, algorithm: .none, bytes: Array(repeating: 0, count: 512))
    }

    public let bytes: [UInt8]
    public let usage: SEVUsage
    public let algorithm: SEVAlgorithm
    public let publicKey: PublicKey
    let signatures: [Signature]

    /// Reads a certificate.
    ///
    /// - Throws: ``MalformedInput`` for another length or version.
    public init(bytes: [UInt8]) throws(MalformedInput) {
        let subject = "SEV certificate"
        guard bytes.count == Self.size else {
            throw MalformedInput(subject, "it has \(bytes.count) bytes where one has \(Self.size)")
        }
        var cursor = ByteCursor(bytes, subject: subject)
        guard try cursor.u32() == 1 else { throw MalformedInput(subject, "its version is not 1") }
        try cursor.skip(4)  // API major and minor, reserved
        usage = SEVUsage(rawValue: try cursor.u32())
        algorithm = SEVAlgorithm(rawValue: try cursor.u32())
        publicKey = PublicKey(
            curve: Curve(rawValue: try cursor.u32()), x: try cursor.take(72), y: try cursor.take(72))
        try cursor.skip(1_028 - 148)
        var slots: [Signature] = []
        for _ in 0..<2 {
            slots.append(
                Signature(
                    usage: SEVUsage(rawValue: try cursor.u32()), algorithm: SEVAlgorithm(rawValue: try cursor.u32()),
                    bytes: try cursor.take(512)))
        }
        try cursor.finish()
        signatures = slots
        self.bytes = bytes
    }

    /// Makes a certificate for a P-384 key, unsigned or signed: for the broker's end of a channel,
    /// and for simulated hardware.
    ///
    /// - Parameter sign: gets the first 1,044 bytes; its signatures (two at most) fill the slots.
    public init(
        usage: SEVUsage, algorithm: SEVAlgorithm, x963 key: some Sequence<UInt8>,
        signedBy sign: ([UInt8]) throws -> [Signature] = { _ in [] }
    ) throws {
        var cursor = ByteCursor(key, subject: "P-384 public key")
        guard try cursor.u8() == 4 else { throw MalformedInput("P-384 public key", "it is compressed") }
        let (x, y) = (try cursor.take(48), try cursor.take(48))
        try cursor.finish()
        var body: [UInt8] = UInt32(1).littleEndianBytes + [0, 0, 0, 0]
        body += usage.rawValue.littleEndianBytes + algorithm.rawValue.littleEndianBytes
        body += Curve.p384.rawValue.littleEndianBytes + x.littleEndian(72) + y.littleEndian(72)
        body += Array(repeating: 0, count: Self.signedSize - body.count)
        let made = try sign(body)
        for slot in (made + [.empty, .empty]).prefix(2) {
            body += slot.usage.rawValue.littleEndianBytes + slot.algorithm.rawValue.littleEndianBytes + slot.bytes
        }
        try self.init(bytes: body)
    }

    /// SHA-256 of the public key as a SubjectPublicKeyInfo, 32 bytes; `nil` if the key is not a point of its curve.
    public var publicKeyFingerprint: [UInt8]? {
        let info: [UInt8]? =
            switch publicKey.curve {
            case .p384:
                publicKey.x963(48).flatMap { try? P384.Signing.PublicKey(x963Representation: $0).derRepresentation }
            case .p256:
                publicKey.x963(32).flatMap { try? P256.Signing.PublicKey(x963Representation: $0).derRepresentation }
            case nil: nil
            }
        return info.map { Array(SHA256.hash(data: $0)) }
    }

    var signedBytes: [UInt8] { Array(bytes.prefix(Self.signedSize)) }

    /// Whether the slot for `issuer`'s usage holds its valid ECDSA signature.
    func isSigned(by issuer: SEVCertificate) -> Bool {
        signatures.contains { slot in
            guard slot.usage == issuer.usage else { return false }
            return switch slot.algorithm {
            case .ecdsaSHA256: issuer.publicKey.isValid(slot, for: SHA256.hash(data: signedBytes))
            case .ecdsaSHA384: issuer.publicKey.isValid(slot, for: SHA384.hash(data: signedBytes))
            default: false
            }
        }
    }

    /// Whether the slot for the ASK holds its valid RSA signature.
    func isSigned(by issuer: SEVCACertificate) -> Bool {
        let algorithm: SEVAlgorithm = issuer.modulus.count == 256 ? .rsaSHA256 : .rsaSHA384
        return signatures.contains { slot in
            slot.usage == issuer.usage && slot.algorithm == algorithm
                && slot.bytes.dropFirst(issuer.modulus.count).isAllZero
                && issuer.isValid(slot.bytes.prefix(issuer.modulus.count).reversed(), over: signedBytes)
        }
    }

    /// The key for key agreement.
    ///
    /// - Throws: ``MalformedInput`` if it is not a P-384 key.
    package func agreementKey() throws(MalformedInput) -> P384.KeyAgreement.PublicKey {
        guard publicKey.curve == .p384, let point = publicKey.x963(48),
            let key = try? P384.KeyAgreement.PublicKey(x963Representation: point)
        else { throw MalformedInput("SEV certificate", "its key is not a point of P-384") }
        return key
    }
}

extension SEVCertificate.PublicKey {
    /// 04 ‖ x ‖ y, big-endian; `nil` unless both fit in `size` bytes.
    fileprivate func x963(_ size: Int) -> [UInt8]? {
        guard x.dropFirst(size).isAllZero, y.dropFirst(size).isAllZero else { return nil }
        return [4] + x.prefix(size).reversed() + y.prefix(size).reversed()
    }

    /// ECDSA; the slot holds r and s, 72 bytes each, little-endian.
    fileprivate func isValid(_ slot: SEVCertificate.Signature, for digest: some Digest) -> Bool {
        func raw(_ size: Int) -> [UInt8] {
            slot.bytes.prefix(size).reversed() + slot.bytes.dropFirst(72).prefix(size).reversed()
        }
        switch curve {
        case .p384:
            guard let point = x963(48), let key = try? P384.Signing.PublicKey(x963Representation: point),
                let signature = try? P384.Signing.ECDSASignature(rawRepresentation: raw(48))
            else { return false }
            return key.isValidSignature(signature, for: digest)
        case .p256:
            guard let point = x963(32), let key = try? P256.Signing.PublicKey(x963Representation: point),
                let signature = try? P256.Signing.ECDSASignature(rawRepresentation: raw(32))
            else { return false }
            return key.isValidSignature(signature, for: digest)
        case nil:
            return false
        }
    }
}

extension [UInt8] {
    /// A big-endian number as little-endian bytes, zero-extended to `size`.
    fileprivate func littleEndian(_ size: Int) -> [UInt8] { reversed() + Array(repeating: 0, count: size - count) }
}
