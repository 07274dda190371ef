import Broker
import Foundation
import Logging
import ServiceLifecycle

/// Notices a new master key in its file, and moves what is sealed under others to it, while the server serves.
struct KeyRotation: Service {
    let keys: KeyRing
    let store: any KeyStore
    let logger: Logger
    /// Is told how many were moved, and the id of the key that they are under now.
    var onResealed: @Sendable (_ count: Int, _ active: String) async -> Void = { _, _ in }
    /// A rotation by another process is noticed within this time, or when the first of its secrets is asked for.
    static let interval = Duration.seconds(10)

    func run() async throws {
        var activated = ""
        var said = ""
        while !Task.isShuttingDownGracefully {
            do {
                // At the start the ring has just been read.
                if !activated.isEmpty { try keys.refresh() }
                let held = keys.held
                if held.active.id != activated {
                    try await store.activate(held.active.id, previous: held.previous.map(\.id), at: Date())
                    activated = held.active.id
                    logger.info(
                        "Master key.",
                        metadata: ["active": "\(activated)", "previous": "\(held.previous.map(\.id))"])
                }
                let progress = try await Resealing(keys: keys, store: store).run { progress in
                    logger.debug("Sealing under the active key.", metadata: ["count": "\(progress.resealed)"])
                }
                if progress.resealed > 0 {
                    logger.notice(
                        "Sealed under the active master key.",
                        metadata: ["count": "\(progress.resealed)", "active": "\(held.active.id)"])
                    await onResealed(progress.resealed, held.active.id)
                }
                said = tell(progress, unlessSaid: said)
            } catch is CancellationError {
                return
            } catch {
                logger.error("The master keys could not be rotated or read again.", metadata: ["error": "\(error)"])
            }
            do {
                try await cancelWhenGracefulShutdown { try await Task.sleep(for: Self.interval) }
            } catch is CancellationError {
                return
            }
        }
    }

    private func tell(_ progress: Resealing.Progress, unlessSaid said: String) -> String {
        let names = progress.unopened.prefix(20).joined(separator: ", ")
        if !names.isEmpty, names != said {
            logger.error(
                """
                Some of what is sealed does not open under any master key that this server has. Give it the key \
                with keys.previous, or register these workloads again.
                """, metadata: ["count": "\(progress.unopened.count)", "which": "\(names)"])
        }
        return names
    }
}
