import Broker
import FoundationEssentials
import Lifecycle
import Logging

/// Once a minute: removes expired sessions and surplus attempts, and records in the trail how many records were
/// omitted.
struct Housekeeping: Service {
    let broker: Broker
    let store: any ServerStore
    let attemptsKept: Int
    let logger: Logger

    func run(until stop: StopRequest) async throws {
        repeat {
            await attempt("Sessions could not be swept.") { try await sweep(at: Date()) }
            await attempt("Attempts could not be trimmed.") { try await store.trimAttempts(keeping: attemptsKept) }
            await attempt("The trail could not be written.") { try await broker.recordOmissions() }
        } while await stop.sleep(for: .seconds(60))
    }

    /// Removes expired sessions.
    ///
    /// A session's row also records that its challenge was answered. A session may end while its challenge could still
    /// be answered, so its row stays for as long again as a challenge lives. A server whose clock is off by more than
    /// the tolerance would remove rows that others still need, so it does not sweep.
    func sweep(at now: Date) async throws {
        let offset = try await store.clockOffset()
        guard abs(offset) <= Lifetimes.sharedClockTolerance else {
            return logger.error(
                "Sessions are not swept: this machine's clock and the database's differ.",
                metadata: ["seconds": "\(Int(offset))"])
        }
        let swept = try await store.sweepSessions(before: now.addingTimeInterval(-broker.lifetimes.remembrance))
        if swept > 0 { logger.debug("Swept sessions.", metadata: ["count": "\(swept)"]) }
    }

    private func attempt(_ complaint: Logger.Message, _ body: () async throws -> Void) async {
        do { try await body() } catch { logger.error(complaint, metadata: ["error": "\(error)"]) }
    }
}
