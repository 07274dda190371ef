import Bytes
import Crypto

/// The report's ECDSA signature: R and S, each 72 bytes little-endian, then zeros to 512 bytes.
struct ReportSignature: Sendable, Hashable {
    private let r: [UInt8]
    private let s: [UInt8]
    private let isPaddedWithZeros: Bool

    /// - Parameter bytes: the report's last 512 bytes.
    init(_ bytes: ArraySlice<UInt8>) {
        r = bytes.prefix(48).reversed()
        s = bytes.dropFirst(72).prefix(48).reversed()
        isPaddedWithZeros =
            bytes.dropFirst(48).prefix(24).isAllZero && bytes.dropFirst(72 + 48).isAllZero
    }

    var isWellFormed: Bool {
        isPaddedWithZeros && [r, s].allSatisfy { !$0.isAllZero && $0.lexicographicallyPrecedes(Self.order) }
    }

    /// Verifies the signature over the SHA-384 of `signedBytes`.
    func isValid(for key: P384.Signing.PublicKey, over signedBytes: ArraySlice<UInt8>) -> Bool {
        guard isWellFormed, let signature = try? P384.Signing.ECDSASignature(rawRepresentation: r + s) else {
            return false
        }
        return key.isValidSignature(signature, for: SHA384.hash(data: signedBytes))
    }

    /// The order of P-384. Source: FIPS 186-4, D.1.2.4.
    private static let order: [UInt8] =
        Array(repeating: 0xFF, count: 24) + [
            0xC7, 0x63, 0x4D, 0x81, 0xF4, 0x37, 0x2D, 0xDF, 0x58, 0x1A, 0x0D, 0xB2,
            0x48, 0xB0, 0xA7, 0x7A, 0xEC, 0xEC, 0x19, 0x6A, 0xCC, 0xC5, 0x29, 0x73,
        ]
}
