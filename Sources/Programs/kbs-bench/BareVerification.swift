import Crypto
import FastP384
import FoundationEssentials

/// What a verifier cannot do without: SHA-384 over a report's signed bytes, and one ECDSA P-384 verification.
enum BareVerification {
    struct Failed: Error {}

    /// - Returns: CPU time of one, in seconds, while every core does the same: so it is when the server is under load.
    static func measure() async throws -> Double {
        let cores = ProcessInfo.processInfo.activeProcessorCount
        let start = ProcessStatistics.ownCPUTime
        try await withThrowingTaskGroup { group in
            for _ in 0..<cores { group.addTask { try verify(count: 1_000) } }
            try await group.waitForAll()
        }
        return (ProcessStatistics.ownCPUTime - start) / Double(1_000 * cores)
    }

    /// By OpenSSL, and by Nettle, which verifies from then on.
    static func reportBoth() async throws {
        report("bare P-384 verification by OpenSSL: \(micro(try await measure())) of CPU")
        FastP384.install()
        report("bare P-384 verification by Nettle: \(micro(try await measure())) of CPU\n")
    }

    private static func verify(count: Int) throws {
        let key = P384.Signing.PrivateKey()
        let message = [UInt8](repeating: 0x5A, count: 0x2A0)
        let signature = try key.signature(for: SHA384.hash(data: message))
        let publicKey = key.publicKey
        for _ in 0..<count {
            guard publicKey.isValidSignature(signature, for: SHA384.hash(data: message)) else { throw Failed() }
        }
    }
}
