import Bytes

/// Key derivation in counter mode, for a pseudorandom function that a token computes.
///
/// Source: NIST SP 800-108r1, section 4.1: K(i) = PRF(key, [i] ‖ Label ‖ 0x00 ‖ Context ‖ [L]), with i and L in 32 bits.
enum KeyDerivation {
    /// What the master key is derived for.
    static let masterKeyLabel = "swift-kbs/1 master key"

    /// The input of the first and, with a PRF of 256 bits, only block of a key of 256 bits. There is no context.
    static func input(label: String) -> [UInt8] {
        UInt32(1).bigEndianBytes + Array(label.utf8) + [0x00] + UInt32(256).bigEndianBytes
    }
}
