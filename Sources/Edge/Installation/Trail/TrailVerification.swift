package import Broker
import Bytes
import Evidence
import FoundationEssentials

/// Reads a whole trail, from a data folder or a running server, and compares it with checkpoints.
package struct TrailVerification: Sendable {
    package enum Outcome: Sendable, Hashable {
        /// - Parameter key: in hex.
        case intact(records: Int64, confirmed: Int, key: String)
        case broken(String)
    }

    private let files: [CheckpointFile]
    private let publicKey: [UInt8]?
    private let source: any TrailSource

    /// - Parameter publicKey: `nil`: the key that the source itself states.
    package init(files: [CheckpointFile], publicKey: [UInt8]?, source: any TrailSource) {
        self.files = files
        self.publicKey = publicKey
        self.source = source
    }

    package func run() async throws -> Outcome {
        let key = if let publicKey { publicKey } else { try await source.checkpoint().publicKey }
        let checkpoints = try files.flatMap { try $0.read() }
        if let foreign = checkpoints.first(where: { !$0.isSigned(by: key) }) {
            return .broken(
                "The checkpoint of \(foreign.time.formatted(.iso8601)) is not signed by the key \(Hex.encode(key)): it "
                    + "was made up, or is another server's.")
        }
        var verifier = TrailVerifier(checkpoints: checkpoints)
        do {
            while true {
                let entries = try await source.auditRecords(after: verifier.head.sequence, limit: 1_000)
                guard !entries.isEmpty else { break }
                for entry in entries { try verifier.read(entry) }
            }
            try verifier.finish()
        } catch let broken as BrokenTrail {
            return .broken(broken.description)
        }
        return .intact(records: verifier.head.sequence, confirmed: verifier.confirmed, key: Hex.encode(key))
    }
}
