import Bytes

/// Key derivation in counter mode, with a pseudorandom function (PRF) that a token computes.
///
/// Source: NIST SP 800-108r1, section 4.1: K(i) = PRF(key, [i] ‖ Label ‖ 0x00 ‖ Context ‖ [L]), with i and L in 32 bits.
enum KeyDerivation {
    /// The label of the master key.
    static let masterKeyLabel = "swift-kbs/1 master key"

    /// The PRF's input for a key of 256 bits: with a PRF of 256 bits a single block. The context is empty.
    static func input(label: String) -> [UInt8] {
        UInt32(1).bigEndianBytes + Array(label.utf8) + [0x00] + UInt32(256).bigEndianBytes
    }
}
