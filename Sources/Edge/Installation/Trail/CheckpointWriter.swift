import Broker
import FoundationEssentials
import Logging

/// Signs the trail's head into the file of checkpoints, at intervals and at the end.
package struct CheckpointWriter: Sendable {
    let interval: TimeInterval
    /// After this many records a checkpoint is due; counted every five seconds.
    let records: Int64
    let store: any Store
    let key: CheckpointKey
    let check: TrailCheck
    let logger: Logger

    /// Runs until it is cancelled, then signs the records since the last checkpoint.
    package func run() async {
        var last: AuditHead?
        while !Task.isCancelled {
            await write(after: &last)
            let due = ContinuousClock.now + .seconds(interval)
            while !Task.isCancelled, ContinuousClock.now < due {
                try? await Task.sleep(for: min(.seconds(5), due - .now))
                if let head = try? await store.auditHead(), head.sequence > (last?.sequence ?? 0),
                    head.sequence - (last?.sequence ?? 0) >= records
                {
                    break
                }
            }
        }
        await write(after: &last)
    }

    private func write(after last: inout AuditHead?) async {
        do {
            let head = try await store.auditHead()
            guard head != last, head != .start else { return }
            let checkpoint = try Checkpoint(try await check.verifiedEnd(), at: Date(), signedBy: key)
            try check.append(checkpoint)
            last = checkpoint.head
            // A copy in collected logs is out of reach of a writer of the database.
            logger.info("Signed the audit trail.", metadata: ["checkpoint": "\(checkpoint.line)"])
        } catch let problem where problem is BrokenTrail || problem is InvalidSetting {
            check.report(problem, to: logger)
        } catch {
            logger.error("No checkpoint of the audit trail could be written.", metadata: ["error": "\(error)"])
        }
    }
}
