import FoundationEssentials
import Installation
import Lifecycle
import Logging
import X509

/// Loads a renewed certificate: on SIGHUP, and by itself within seconds.
///
/// It compares contents and not times, so that a link that now leads elsewhere (certbot's, or a Kubernetes volume's)
/// counts like an overwritten file.
struct TLSReloader: Service {
    static let interval = Duration.seconds(2)

    /// `nil`: there is nothing to reload.
    let tls: CurrentTLS?
    let logger: Logger

    /// On SIGHUP.
    func reload() {
        guard let tls else { return logger.info("SIGHUP: there is no certificate to reload.") }
        if case .unchanged = look(at: tls) { logger.info("SIGHUP: the certificate is the same as before.") }
    }

    func run(until stop: StopRequest) async throws {
        guard let tls else { return await stop.wait() }
        var expiry = ExpiryWatch()
        if tls.files.isKeyOpenToAll {
            logger.warning(
                "Everyone on this machine can read the TLS key: chmod it to 600.",
                metadata: ["file": "\(tls.files.key.path(percentEncoded: false))"])
        }
        complain(of: tls)
        repeat {
            if let warning = expiry.warning(expiry: tls.expiry, at: Date()) { warn(warning, tls) }
            guard await stop.sleep(for: Self.interval) else { return }
            _ = look(at: tls)
        } while true
    }

    private func look(at tls: CurrentTLS) -> CurrentTLS.Reload {
        let reload = tls.reload()
        switch reload {
        case .unchanged: break
        case .replaced:
            logger.notice(
                "The TLS certificate was replaced.",
                metadata: ["certificate": "\(tls.served.name)", "expires": "\(tls.expiry.formatted(.iso8601))"])
            complain(of: tls)
        case .refused(let reason):
            logger.error(
                "The new TLS certificate cannot be used; the old one stays in use.",
                metadata: ["reason": "\(reason)", "expires": "\(tls.expiry.formatted(.iso8601))"])
        }
        return reload
    }

    /// Logs the doctor's problems with the certificate, except its expiry, which is logged each day.
    private func complain(of tls: CurrentTLS) {
        let (served, now) = (tls.served, Date())
        for refusal in served.identity.refusals(at: now)
        where refusal.subject != .expiry || served.validity.upperBound > now {
            logger.critical(
                "Clients refuse the TLS certificate.",
                metadata: [
                    "certificate": "\(served.name)", "reason": "\(refusal.found)", "advice": "\(refusal.advice)",
                ])
        }
    }

    private func warn(_ warning: ExpiryWatch.Warning, _ tls: CurrentTLS) {
        let metadata: Logger.Metadata = [
            "certificate": "\(tls.served.name)", "expires": "\(tls.expiry.formatted(.iso8601))",
        ]
        switch warning {
        case .none: break
        case .month: logger.warning("The TLS certificate expires within 30 days.", metadata: metadata)
        case .week: logger.error("The TLS certificate expires within 7 days.", metadata: metadata)
        case .expired: logger.critical("The TLS certificate has expired: clients refuse it.", metadata: metadata)
        }
    }
}
