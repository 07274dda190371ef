import Broker
import Endorsements
import Evidence
import Logging

/// Writes what happens to the log, one line for each thing that an operator would look for.
struct EventLog: Sendable {
    let logger: Logger

    func callAsFunction(_ event: BrokerEvent) {
        switch event {
        case .registered(let id, let replaced):
            logger.info("Registered.", metadata: ["workload": "\(id)", "replaced": "\(replaced)"])
        case .removed(let id):
            logger.info("Removed.", metadata: ["workload": "\(id)"])
        case .challenged(let id, let tee):
            logger.debug("Challenged.", metadata: ["workload": "\(id)", "tee": "\(tee.rawValue)"])
        case .attested(let attempt):
            logger.info("Attested.", metadata: metadata(attempt))
        case .platformRefused(let attempt, let refusal):
            logRefusal("Platform refused.", attempt, refusal)
        case .evidenceRefused(let attempt, let refusal):
            logRefusal("Evidence refused.", attempt, refusal)
        case .released(let id, let session):
            logger.info("Released.", metadata: ["workload": "\(id)", "session": "\(session)"])
        case .answerRefused(let refusal):
            logger.info("Answer refused.", metadata: ["code": "\(refusal.code.rawValue)"])
        case .disabled(let id, let isDisabled):
            logger.info(isDisabled ? "Disabled." : "Enabled.", metadata: ["workload": "\(id)"])
        case .sessionsEnded(let count):
            logger.info("Ended sessions.", metadata: ["count": "\(count)"])
        case .releaseRefused(let session, let refusal):
            logger.notice("Release refused.", metadata: ["session": "\(session)", "code": "\(refusal.code.rawValue)"])
        }
    }

    func callAsFunction(_ event: EndorsementEvent) {
        switch event {
        case .fetched(let wanted):
            logger.info("Fetched a certificate.", metadata: ["certificate": "\(wanted)"])
        case .unavailable(let wanted, let reason):
            logger.warning(
                """
                A certificate is missing. Put it and the product's chain into a folder and run \
                `kbs certs import FOLDER`, or set endorsements.folder.
                """, metadata: ["certificate": "\(wanted)", "reason": "\(reason)"])
        case .notKept(let identity, let reason):
            logger.error(
                "A certificate could not be kept.", metadata: ["certificate": "\(identity)", "reason": "\(reason)"])
        case .lookedUp: break
        }
    }

    private func logRefusal(_ message: Logger.Message, _ attempt: Attempt, _ refusal: Refusal) {
        var metadata = metadata(attempt)
        metadata["code"] = "\(refusal.code.rawValue)"
        metadata["reason"] = "\(refusal.sentence)"
        for check in attempt.verdict?.failures ?? [] {
            metadata["check.\(check.name)"] = "expected \(check.expected), found \(check.found)"
        }
        logger.notice(message, metadata: metadata)
    }

    private func metadata(_ attempt: Attempt) -> Logger.Metadata {
        [
            "workload": "\(attempt.workload)", "tee": "\(attempt.tee.rawValue)", "session": "\(attempt.session)",
            "chip": "\(attempt.chip.prefix(16))",
        ]
    }
}
