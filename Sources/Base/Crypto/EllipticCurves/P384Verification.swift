import Concurrency

/// The slot for a faster verification of ECDSA on P-384, the one primitive that decides what a handshake costs.
///
/// It is filled once, when a program starts, and never in FIPS mode: see the room FastP384.
public enum P384Verification {
    /// Whether a key, 04 ‖ x ‖ y of a point on the curve, made the signature, r ‖ s, over a digest. It must refuse r and s
    /// that are 0 or not below the group's order.
    public typealias Function =
        @Sendable (_ key: [UInt8], _ signature: [UInt8], _ digest: UnsafeBufferPointer<UInt8>) -> Bool

    private struct Installed: Sendable { var function: Function? }

    private static let slot = Lock(Installed())

    /// Has P-384 signatures verified by another than libcrypto from now on; nil for libcrypto again.
    public static func install(_ function: Function?) { slot.withLock { $0.function = function } }

    /// nil in FIPS mode, whatever was installed.
    static var installed: Function? {
        guard let function = slot.withLock({ $0.function }), !CryptoLibrary.isFIPSMode else { return nil }
        return function
    }
}
