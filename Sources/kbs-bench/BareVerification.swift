import Crypto
import Foundation

/// What a verifier cannot do without: SHA-384 over a report's signed bytes, and one ECDSA P-384 verification.
enum BareVerification {
    /// - Returns: CPU time of one, in seconds.
    static func measure(count: Int = 2_000) throws -> Double {
        let key = P384.Signing.PrivateKey()
        let message = Data(repeating: 0x5A, count: 0x2A0)
        let signature = try key.signature(for: SHA384.hash(data: message))
        let publicKey = key.publicKey
        let start = cpuTime()
        for _ in 0..<count {
            guard publicKey.isValidSignature(signature, for: SHA384.hash(data: message)) else {
                throw CocoaError(.featureUnsupported)
            }
        }
        return (cpuTime() - start) / Double(count)
    }

    /// Of this process, in seconds.
    private static func cpuTime() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
