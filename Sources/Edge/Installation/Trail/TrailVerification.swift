package import Broker
import Bytes
import Evidence
import Files
import FoundationEssentials

/// Reads a whole trail, from a data folder or a running server, and compares it with checkpoints.
package struct TrailVerification: Sendable {
    package enum Outcome: Sendable, Hashable {
        /// - Parameter key: in hex.
        case intact(records: Int64, confirmed: Int, key: String)
        case broken(String)
    }

    private let kept: [CheckpointFile]
    private let publicKey: [UInt8]?
    private let source: any TrailSource
    /// `nil`: a running server's trail.
    private let folder: BrokerAssembly?

    /// - Parameters:
    ///   - kept: files of checkpoints, each with one at least. Empty: the data folder's own file.
    ///   - publicKey: `nil`: the key that the source itself states.
    ///   - folder: the data folder of the trail; `nil` for a running server's.
    package init(
        kept: [CheckpointFile], publicKey: [UInt8]?, source: any TrailSource, folder: BrokerAssembly? = nil
    ) {
        self.kept = kept
        self.publicKey = publicKey
        self.source = source
        self.folder = folder
    }

    /// - Throws: ``InvalidSetting`` for a file that is missing or has no checkpoint, and for a key without a checkpoint
    ///   that it could have signed.
    package func run() async throws -> Outcome {
        var checkpoints = try kept.flatMap { file in
            let found = try file.read()
            guard !found.isEmpty else {
                throw InvalidSetting("\(file.url.filePath) is not there, or holds no checkpoint")
            }
            return found
        }
        if kept.isEmpty, let folder {
            checkpoints = try folder.settings.checkpoints.read()
            if checkpoints.isEmpty, try await Trail.mustHaveCheckpoint(folder.store) {
                return .broken("\(folder.settings.checkpoints.missing)")
            }
        }
        guard publicKey == nil || !checkpoints.isEmpty else {
            throw InvalidSetting("there is no checkpoint that --public-key could check: name a file with --checkpoints")
        }
        let key: [UInt8]
        if let publicKey {
            key = publicKey
        } else if let folder {
            key = try await folder.checkpointKey().publicKey
        } else {
            do { key = try await source.checkpoint().publicKey } catch {
                // A server signs no trail that it finds changed. Its records may show how.
                let outcome = try await compare(checkpoints, key: [])
                guard case .broken = outcome else { throw error }
                return outcome
            }
        }
        if let foreign = checkpoints.first(where: { !$0.isSigned(by: key) }) {
            return .broken(
                "The checkpoint of \(foreign.time.formatted(.iso8601)) is not signed by the key \(Hex.encode(key)): it "
                    + "was made up, or is another server's.")
        }
        return try await compare(checkpoints, key: key)
    }

    private func compare(_ checkpoints: [Checkpoint], key: [UInt8]) async throws -> Outcome {
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
