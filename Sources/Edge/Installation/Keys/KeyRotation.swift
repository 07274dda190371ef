package import Broker
import FoundationEssentials
package import Lifecycle
package import Logging

/// Detects a new master key in its file, and reseals everything under it while the server serves.
package struct KeyRotation: Service {
    private let keys: KeyRing
    private let store: any ServerStore
    private let logger: Logger
    /// Called after a rotation with the number of resealed rows and the active key's id.
    private let onResealed: @Sendable (_ count: Int, _ active: String) async -> Void
    /// A rotation by another process is detected within this time, or at the first request for a secret that it
    /// resealed.
    static let interval = Duration.seconds(10)

    package init(
        keys: KeyRing, store: any ServerStore, logger: Logger,
        onResealed: @escaping @Sendable (_ count: Int, _ active: String) async -> Void = { _, _ in }
    ) {
        self.keys = keys
        self.store = store
        self.logger = logger
        self.onResealed = onResealed
    }

    package func run(until stop: StopRequest) async throws {
        var activated = ""
        var said = ""
        var (isFirst, hasWarned) = (true, false)
        while !stop.isMade {
            do {
                // The ring was read at the start.
                if !isFirst { try keys.refresh() }
                isFirst = false
                let held = keys.held
                if held.active.id != activated {
                    guard try await !isSuperseded(held.active.id) else {
                        warn(held.active.id, unless: &hasWarned)
                        guard await stop.sleep(for: Self.interval) else { return }
                        continue
                    }
                    let time = Date()
                    try await store.activate(held.active.id, previous: held.previous.map(\.id), at: time) { before in
                        .rotation(to: held.active.id, from: before, by: .server, at: time)
                    }
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
            } catch is Resealing.Superseded where store.isShared {
                warn(activated, unless: &hasWarned)
            } catch {
                logger.error("The master keys could not be rotated or read again.", metadata: ["error": "\(error)"])
            }
            guard await stop.sleep(for: Self.interval) else { return }
        }
    }

    /// Whether another server of a shared database has activated a later key, which this server's older settings must
    /// not revert. With a database of its own, the settings decide.
    private func isSuperseded(_ id: String) async throws -> Bool {
        guard store.isShared else { return false }
        return try await store.masterKeyUsage(at: Date()).contains { usage in
            // A key that was announced beforehand, as a previous key, has the same time for both.
            guard usage.id == id, let activated = usage.activated, let superseded = usage.superseded else {
                return false
            }
            return superseded > activated
        }
    }

    private func warn(_ id: String, unless hasWarned: inout Bool) {
        guard !hasWarned else { return }
        hasWarned = true
        logger.warning(
            """
            Another server seals under another master key: put that key first in keys.master here too. To go back to \
            this server's key, run kbs keys rotate.
            """, metadata: ["active": "\(id)"])
    }

    private func tell(_ progress: Resealing.Progress, unlessSaid said: String) -> String {
        let names = progress.unopened.prefix(20).joined(separator: ", ")
        if !names.isEmpty, names != said {
            logger.error(
                """
                Some sealed rows do not open under any master key of this server. Add the key to keys.previous, or \
                register these workloads again.
                """, metadata: ["count": "\(progress.unopened.count)", "which": "\(names)"])
        }
        return names
    }
}
