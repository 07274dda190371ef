import Concurrency

/// A replaceable verification of ECDSA signatures on P-384, the main cost of a handshake.
///
/// It is installed when a program starts (see the module FastP384), and ignored in FIPS mode.
public enum P384Verification {
    /// Whether the key (04 ‖ x ‖ y, on the curve) made the signature (r ‖ s) over the digest. It must refuse r and s that
    /// are 0 or not below the group's order.
    public typealias Function =
        @Sendable (_ key: [UInt8], _ signature: [UInt8], _ digest: UnsafeBufferPointer<UInt8>) -> Bool

    private struct Installed: Sendable { var function: Function? }

    private static let slot = Lock(Installed())

    /// Replaces libcrypto's verification; nil restores it.
    public static func install(_ function: Function?) { slot.withLock { $0.function = function } }

    /// nil in FIPS mode.
    static var installed: Function? {
        guard let function = slot.withLock({ $0.function }), !CryptoLibrary.isFIPSMode else { return nil }
        return function
    }
}
