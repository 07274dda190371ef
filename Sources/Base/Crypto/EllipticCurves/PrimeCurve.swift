import COpenSSL

/// An elliptic curve over a prime field: ``P256``, ``P384`` or ``P521``. Source: NIST SP 800-186.
public protocol PrimeCurve: Sendable {
    static var curve: CurveDescription { get }
}

/// A curve's parameters.
public struct CurveDescription: Sendable {
    /// Its name in JOSE and libcrypto: `P-256`.
    public let name: String
    /// The length of a coordinate and of a private key, in bytes.
    public let size: Int
    let group: CurveGroup

    init(_ name: String, size: Int, _ identifier: Int32) {
        self.name = name
        self.size = size
        group = CurveGroup(name, identifier)
    }

    /// The length of 04 ‖ x ‖ y.
    var pointSize: Int { 1 + 2 * size }
}

/// Owns libcrypto's tables of a curve (EC_GROUP) for the life of the process.
final class CurveGroup: @unchecked Sendable {
    private let pointer: OpaquePointer
    /// A key with the curve's parameters only. Copying it takes a fifth of the time of making a curve from its name, which
    /// on P-256 takes longer than making a key.
    let template: KeyObject

    init(_ name: String, _ identifier: Int32) {
        pointer = EC_GROUP_new_by_curve_name(identifier).required("the curve \(identifier)")
        var parameters = Parameters()
        parameters.add("group", text: name)
        template = KeyObject("EC", .parameters, parameters).required("the curve \(name)")
    }

    deinit { EC_GROUP_free(pointer) }

    /// Whether 0 < number < n (the group's order).
    func isPrivateKey(_ number: some Collection<UInt8>) -> Bool {
        number.withBytes { start, count in
            guard let value = BN_bin2bn(start, Int32(count), nil) else { return false }
            defer { BN_clear_free(value) }
            return BN_is_zero(value) == 0 && BN_ucmp(value, EC_GROUP_get0_order(pointer)) < 0
        }
    }

    /// The public key of a private one: 04 ‖ x ‖ y.
    func publicPoint(of number: some Collection<UInt8>, size: Int) -> [UInt8]? {
        number.withBytes { start, count in
            guard let value = BN_bin2bn(start, Int32(count), nil) else { return nil }
            defer { BN_clear_free(value) }
            guard let point = EC_POINT_new(pointer) else { return nil }
            defer { EC_POINT_free(point) }
            guard EC_POINT_mul(pointer, point, value, nil, nil, nil) == 1 else { return nil }
            return [UInt8].filled(capacity: size) {
                EC_POINT_point2oct(pointer, point, POINT_CONVERSION_UNCOMPRESSED, $0, size, nil) == size ? size : nil
            }
        }
    }
}

/// NIST P-256, also called secp256r1 and prime256v1.
public enum P256: PrimeCurve {
    public static let curve = CurveDescription("P-256", size: 32, NID_X9_62_prime256v1)
}

/// NIST P-384, also called secp384r1.
public enum P384: PrimeCurve {
    public static let curve = CurveDescription("P-384", size: 48, NID_secp384r1)
}

/// NIST P-521, also called secp521r1.
public enum P521: PrimeCurve {
    public static let curve = CurveDescription("P-521", size: 66, NID_secp521r1)
}

/// The keys of a curve for one use: `P256.Signing.PublicKey`.
public enum ECKeyTypes<Curve: PrimeCurve, Use: Sendable> {
    public typealias PublicKey = ECPublicKey<Curve, Use>
    public typealias PrivateKey = ECPrivateKey<Curve, Use>
    public typealias ECDSASignature = Crypto.ECDSASignature<Curve>
}

extension PrimeCurve {
    public typealias Signing = ECKeyTypes<Self, ECDSA>
    public typealias KeyAgreement = ECKeyTypes<Self, ECDH>
}
