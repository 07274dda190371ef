public import Administration
import Broker
import Bytes
import Evidence
import FoundationEssentials

/// Reads a whole trail, here or from a running server, and compares it with checkpoints.
public struct TrailVerification: Sendable {
    public enum Outcome: Sendable, Hashable {
        /// - Parameter key: in hex.
        case intact(records: Int64, confirmed: Int, key: String)
        case broken(String)
    }

    private let files: [CheckpointFile]
    private let publicKey: [UInt8]?
    private let administrator: any Administrator

    /// - Parameter publicKey: `nil`: whoever is asked says which key is theirs.
    public init(files: [CheckpointFile], publicKey: [UInt8]?, administrator: any Administrator) {
        self.files = files
        self.publicKey = publicKey
        self.administrator = administrator
    }

    public func run() async throws -> Outcome {
        let key: [UInt8]
        if let publicKey { key = publicKey } else { key = try await administrator.checkpoint().publicKey }
        let checkpoints = try files.flatMap { try $0.read() }
        if let foreign = checkpoints.first(where: { !$0.isSigned(by: key) }) {
            return .broken(
                "The checkpoint of \(foreign.time.formatted(.iso8601)) is not signed by the key \(Hex.encode(key)): it "
                    + "was made up, or is another server's.")
        }
        var verifier = TrailVerifier(checkpoints: checkpoints)
        do {
            while true {
                let entries = try await administrator.auditRecords(after: verifier.head.sequence, limit: 1_000)
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
