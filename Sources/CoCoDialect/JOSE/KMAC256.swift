import COpenSSL
import Crypto
import Foundation

/// Keccak's message authentication code with 256 bits of strength, by OpenSSL: swift-crypto has none.
///
/// Source: NIST SP 800-185, section 4.
enum KMAC256 {
    /// OpenSSL could not do it: it has no KMAC, or its configuration (FIPS) forbids this use.
    struct Unavailable: Error, CustomStringConvertible {
        let description = "OpenSSL's KMAC256 cannot be used: does openssl.cnf forbid it?"
    }

    /// - Parameters:
    ///   - key: at least 4 bytes, which is OpenSSL's own rule.
    ///   - message: what the code is over.
    ///   - byteCount: of the code. It is part of what is computed: a shorter code is no prefix of a longer one.
    ///   - customization: S of the standard.
    static func code(
        key: SymmetricKey, message: [UInt8], byteCount: Int, customization: [UInt8] = []
    ) throws(Unavailable) -> SymmetricKey {
        var code = [UInt8](repeating: 0, count: byteCount)
        defer { code.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) } }
        let isDone = key.withUnsafeBytes {
            kbs_kmac256(
                $0.bindMemory(to: UInt8.self).baseAddress, $0.count, message, message.count, customization,
                customization.count, &code, byteCount) == 1
        }
        guard isDone else { throw Unavailable() }
        return SymmetricKey(data: code)
    }
}
