import Broker
import Bytes
import Endorsements
import Evidence
import FoundationEssentials
import Logging
import Tracing

/// Logs the broker's events, one line for each event that an operator may look for. Repeated refusals of one caller are
/// counted.
struct EventLog: Sendable {
    let logger: Logger

    func callAsFunction(_ event: BrokerEvent) {
        switch event {
        case .registered(let id, let replaced):
            logger.info("Registered.", metadata: ["workload": "\(id)", "replaced": "\(replaced)"])
        case .registrationWarned(let id, let warning):
            logger.warning("\(warning)", metadata: ["workload": "\(id)"])
        case .removed(let id):
            logger.info("Removed.", metadata: ["workload": "\(id)"])
        case .challenged(let id, let tee):
            var metadata: Logger.Metadata = ["tee": "\(tee.name)"]
            if let id { metadata["workload"] = "\(id)" }
            logger.debug(id == nil ? "Challenged a guest." : "Challenged.", metadata: metadata)
        case .attested(let attempt):
            logger.info(attempt.workload == nil ? "Attested a guest." : "Attested.", metadata: metadata(attempt))
        case .platformRefused(let attempt, let refusal):
            logRefusal("Platform refused.", metadata(attempt), attempt.verdict, refusal)
        case .evidenceRefused(let attempt, let refusal):
            logRefusal(
                attempt.workload == nil ? "Guest refused." : "Evidence refused.", metadata(attempt), attempt.verdict,
                refusal)
        case .released(let id, let session, let head):
            logger.info("Released.", metadata: ["workload": "\(id)", "session": "\(session)"].stating(head))
        case .challengeRefused(let id, let refusal):
            logger.log(
                level: .notice, "Challenge refused.",
                metadata: ["workload": "\(id)", "code": "\(refusal.code.rawValue)"], alike: likeness(refusal))
        case .answerRefused(let refusal):
            logger.log(
                level: refusal.isOrdinary ? .debug : .info, "Answer refused.",
                metadata: ["code": "\(refusal.code.rawValue)"], alike: likeness(refusal))
        case .disabled(let id, let isDisabled):
            logger.info(isDisabled ? "Disabled." : "Enabled.", metadata: ["workload": "\(id)"])
        case .sessionsEnded(let count):
            logger.info("Ended sessions.", metadata: ["count": "\(count)"])
        case .denialChanged(let endorser, let isDenied):
            logger.notice(isDenied ? "Denied." : "Allowed.", metadata: ["endorser": "\(endorser.name)"])
        case .resourceReleased(let path, let session, let head):
            logger.info(
                "Released a resource.", metadata: ["resource": "\(path)", "session": "\(session)"].stating(head))
        case .resourceRefused(let path, let session, let verdict, let refusal):
            logRefusal(
                "Resource refused.", ["resource": "\(path)", "session": "\(session)"], verdict, refusal)
        case .resourceChanged(let path, let action):
            logger.info("Changed a resource.", metadata: ["resource": "\(path)", "action": "\(action.rawValue)"])
        case .rowLeftOut(let reason):
            logger.log(
                level: .error, "A row was left out of what guests may get.", metadata: ["reason": "\(reason)"],
                alike: reason)
        case .releaseRefused(let session, let refusal):
            logger.log(
                level: .notice, "Release refused.",
                metadata: ["session": "\(session)", "code": "\(refusal.code.rawValue)"], alike: likeness(refusal))
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
                `kbs endorsements import FOLDER`, or set endorsements.folder.
                """, metadata: ["certificate": "\(wanted)", "reason": "\(reason)"])
        case .notKept(let identity, let reason):
            logger.error(
                "A certificate could not be kept.", metadata: ["certificate": "\(identity)", "reason": "\(reason)"])
        case .renewed(let pass):
            for name in pass.renewed { logger.info("Renewed a certificate.", metadata: ["certificate": "\(name)"]) }
            guard let first = pass.first else { break }
            logger.warning(
                """
                Certificates end soon and could not be renewed: `kbs endorsements list` names them. Import later ones, or let \
                the server through to the vendor.
                """,
                metadata: [
                    "count": "\(pass.failed)", "certificate": "\(first.name)",
                    "good_until": "\(first.end.formatted(.iso8601))", "reason": "\(first.reason)",
                ])
        case .lookedUp: break
        }
    }

    private func logRefusal(
        _ message: Logger.Message, _ metadata: Logger.Metadata, _ verdict: Verdict?, _ refusal: Refusal
    ) {
        var metadata = metadata
        metadata["code"] = "\(refusal.code.rawValue)"
        metadata["reason"] = "\(refusal.sentence)"
        for check in verdict?.failures ?? [] {
            metadata["check.\(check.name)"] = "expected \(check.expected), found \(check.found)"
        }
        // A dependency of the server has failed, whoever the caller is.
        let isFault = refusal.code == .unavailable
        logger.log(
            level: isFault ? .error : .notice, message, metadata: metadata,
            alike: isFault ? refusal.sentence : likeness(refusal))
    }

    /// Refusals count as alike if they have the same code and caller.
    private func likeness(_ refusal: Refusal) -> String {
        "\(refusal.code.rawValue) \(ServiceContext.current?.caller.map { "\($0)" } ?? "")"
    }

    private func metadata(_ attempt: Attempt) -> Logger.Metadata {
        var metadata: Logger.Metadata = [
            "tee": "\(attempt.tee.name)", "session": "\(attempt.shortID)", "chip": "\(attempt.chip)",
        ]
        if let workload = attempt.workload { metadata["workload"] = "\(workload)" }
        return metadata
    }
}

extension Logger.Metadata {
    /// Adds the trail's end. In collected logs it is out of reach of a writer of the database, and later proves that
    /// nothing before it was cut off.
    fileprivate func stating(_ head: AuditHead?) -> Logger.Metadata {
        guard let head else { return self }
        return merging(["trail": "\(head.sequence):\(Hex.encode(head.hash))"]) { $1 }
    }
}
