public import Bytes
import COpenSSL

/// The use of keys for signatures.
public enum ECDSA: Sendable {}

/// The use of keys for key agreement.
public enum ECDH: Sendable {}

/// A public key on a curve, for one use: `P384.Signing.PublicKey`, `P256.KeyAgreement.PublicKey` and so on. Its initialiser
/// checks that the point is on the curve. Copies share libcrypto's key.
public struct ECPublicKey<Curve: PrimeCurve, Use: Sendable>: Sendable {
    let object: KeyObject
    /// 04 ‖ x ‖ y.
    public let x963Representation: [UInt8]

    /// - Parameter bytes: 04 ‖ x ‖ y; not a compressed point.
    /// - Throws: ``CryptoError`` for another length or form, and for a point that is not on the curve.
    public init(x963Representation bytes: some Collection<UInt8>) throws(CryptoError) {
        let curve = Curve.curve
        guard bytes.count == curve.pointSize, bytes.first == 4 else {
            throw .incorrectSize("a point of \(curve.name) is 04 and \(2 * curve.size) bytes")
        }
        guard let object = KeyObject(point: bytes, like: curve.group.template) else {
            throw .unusableKey("the point is not on \(curve.name)")
        }
        self.object = object
        x963Representation = Array(bytes)
    }

    /// - Parameter bytes: x ‖ y.
    public init(rawRepresentation bytes: some Collection<UInt8>) throws(CryptoError) {
        try self.init(x963Representation: [4] + bytes)
    }

    fileprivate init(_ object: KeyObject, point: [UInt8]) { (self.object, x963Representation) = (object, point) }

    /// x ‖ y.
    public var rawRepresentation: [UInt8] { Array(x963Representation.dropFirst()) }
}

/// A private key on a curve, for one use: `P256.Signing.PrivateKey` and so on. Copies share it; the last one wipes it.
public struct ECPrivateKey<Curve: PrimeCurve, Use: Sendable>: Sendable {
    let object: KeyObject
    private let point: [UInt8]

    /// A new key.
    public init() {
        let curve = Curve.curve
        object = KeyObject.generate(like: curve.group.template).required("a key on \(curve.name)")
        point = object.bytes("encoded-pub-key", capacity: curve.pointSize).required("a key's public part")
    }

    /// - Parameter bytes: the number, big-endian, of the curve's size.
    /// - Throws: ``CryptoError`` for another length, and for numbers outside of 1 to n − 1 (n: the group's order).
    public init(rawRepresentation bytes: some Collection<UInt8>) throws(CryptoError) {
        let curve = Curve.curve
        guard bytes.count == curve.size else {
            throw .incorrectSize("a private key on \(curve.name) has \(curve.size) bytes, not \(bytes.count)")
        }
        guard curve.group.isPrivateKey(bytes),
            let point = curve.group.publicPoint(of: bytes, size: curve.pointSize)
        else { throw cleared(.unusableKey("the number is not a private key on \(curve.name)")) }
        var parameters = Parameters()
        parameters.add("group", text: curve.name)
        parameters.add("pub", bytes: point)
        parameters.add("priv", number: bytes)
        guard let object = KeyObject("EC", .pair, parameters) else {
            throw .unusableKey("libcrypto refuses the private key on \(curve.name)")
        }
        (self.object, self.point) = (object, point)
    }

    public var publicKey: ECPublicKey<Curve, Use> { ECPublicKey(object, point: point) }

    /// The number, big-endian, of the curve's size. The caller must wipe it.
    public var rawRepresentation: [UInt8] {
        object.number("priv", size: Curve.curve.size).required("a key's private part")
    }
}

extension ECPrivateKey: Unprintable {
    public var description: String { "a private key on \(Curve.curve.name)" }
}

extension ECPrivateKey where Use == ECDH {
    /// Source: NIST SP 800-56A, section 5.7.1.2. The other key's initialiser has checked its point, and these curves have no
    /// small subgroups.
    ///
    /// - Returns: the x coordinate of the shared point, big-endian, of the curve's size. It is not uniformly random: derive
    ///   a key from it.
    /// - Throws: ``CryptoError`` when the shared point is the point at infinity.
    public func sharedSecretFromKeyAgreement(with other: ECPublicKey<Curve, ECDH>) throws(CryptoError) -> SymmetricKey {
        let size = Curve.curve.size
        guard let context = KeyContext(object) else { throw .unavailable("libcrypto cannot begin a key agreement") }
        guard EVP_PKEY_derive_init(context.pointer) == 1,
            EVP_PKEY_derive_set_peer_ex(context.pointer, other.object.pointer, 0) == 1
        else { throw cleared(.unusableKey("the two keys cannot agree")) }
        var written = 0
        let secret = Secret(count: size) { output in
            written = size
            guard
                EVP_PKEY_derive(context.pointer, output.bindMemory(to: UInt8.self).baseAddress, &written) == 1
            else {
                written = 0
                return
            }
        }
        guard written == size else { throw cleared(.unusableKey("the two keys cannot agree")) }
        return SymmetricKey(secret)
    }
}
