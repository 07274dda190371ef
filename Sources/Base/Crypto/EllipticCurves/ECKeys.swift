public import Bytes
import COpenSSL

/// Marks keys that sign. See ``ECPublicKey``.
public enum ECDSA: Sendable {}

/// Marks keys that agree on a secret. See ``ECPublicKey``.
public enum ECDH: Sendable {}

/// A point of a curve, for one use: `P384.Signing.PublicKey`, `P256.KeyAgreement.PublicKey` and so on. It was checked to lie
/// on the curve, once, when it was read; copies share it.
public struct ECPublicKey<Curve: PrimeCurve, Use: Sendable>: Sendable {
    let object: KeyObject
    /// 04 ‖ x ‖ y.
    public let x963Representation: [UInt8]

    /// - Parameter bytes: 04 ‖ x ‖ y. Compressed points are not taken.
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

/// A private key on a curve, for one use: `P256.Signing.PrivateKey` and so on. Copies share it, and the last one wipes it.
public struct ECPrivateKey<Curve: PrimeCurve, Use: Sendable>: Sendable {
    let object: KeyObject
    private let point: [UInt8]

    /// Makes a key.
    public init() {
        let curve = Curve.curve
        object = KeyObject.generate(like: curve.group.template).required("a key on \(curve.name)")
        point = object.bytes("encoded-pub-key", capacity: curve.pointSize).required("a key's public part")
    }

    /// - Parameter bytes: the number, big-endian, as long as the curve's coordinates are.
    /// - Throws: ``CryptoError`` for another length, for 0, and from the group's order on.
    public init(rawRepresentation bytes: some Collection<UInt8>) throws(CryptoError) {
        let curve = Curve.curve
        guard bytes.count == curve.size else {
            throw .incorrectSize("a private key on \(curve.name) has \(curve.size) bytes, not \(bytes.count)")
        }
        guard curve.group.isPrivateKey(bytes),
            let point = curve.group.publicPoint(of: bytes, size: curve.pointSize)
        else { throw cleared(.unusableKey("the number is no private key on \(curve.name)")) }
        var parameters = Parameters()
        parameters.add("group", text: curve.name)
        parameters.add("pub", bytes: point)
        parameters.add("priv", number: bytes)
        guard let object = KeyObject("EC", .pair, parameters) else {
            throw .unusableKey("libcrypto does not take the private key on \(curve.name)")
        }
        (self.object, self.point) = (object, point)
    }

    public var publicKey: ECPublicKey<Curve, Use> { ECPublicKey(object, point: point) }

    /// The number, big-endian, as long as the curve's coordinates are. It is no more than bytes: wipe it.
    public var rawRepresentation: [UInt8] {
        object.number("priv", size: Curve.curve.size).required("a key's private part")
    }
}

extension ECPrivateKey: Unprintable {
    public var description: String { "a private key on \(Curve.curve.name)" }
}

extension ECPrivateKey where Use == ECDH {
    /// Source: NIST SP 800-56A, section 5.7.1.2. The other's point was checked when it was read, and these curves have no
    /// small subgroups.
    ///
    /// - Returns: the x coordinate of a point, big-endian, in the length of the curve's field. It is not uniformly random, so a
    ///   key is derived from it.
    /// - Throws: ``CryptoError`` when the two agree on the point at infinity, which no honest pair does.
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
