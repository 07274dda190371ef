public import Broker
import Foundation
import Logging
import Storage

/// The audit trail's signing key and its file of checkpoints.
public struct Trail: Sendable {
    public let key: CheckpointKey
    public let file: CheckpointFile
    let check: TrailCheck
    private let store: SQLiteStore

    /// Opens the key, or makes it.
    public init(_ folder: DataFolder, _ settings: Settings) async throws {
        key = CheckpointKey()
        file = settings.checkpoints
        store = folder.store
        check = TrailCheck(file: file, store: store, publicKey: key.publicKey)
    }

    func writer(interval: TimeInterval, logger: Logger) -> CheckpointWriter {
        CheckpointWriter(file: file, interval: interval, store: store, key: key, logger: logger)
    }
}
