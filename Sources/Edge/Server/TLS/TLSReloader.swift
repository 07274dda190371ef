import FoundationEssentials
import Logging
import Lifecycle

/// Takes up a renewed certificate: on SIGHUP, and by itself within seconds.
///
/// It compares contents and not times, so that a link that now leads elsewhere (as certbot's and a Kubernetes
/// volume's do) is seen like a file that was written over.
struct TLSReloader: Service {
    static let interval = Duration.seconds(2)

    /// `nil`: there is nothing to reload, and SIGHUP must not end the process all the same.
    let tls: CurrentTLS?
    /// What else is read again on SIGHUP.
    let onHangUp: @Sendable () -> Void
    let logger: Logger

    func run() async throws {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() { hangUp() }
            }
            if let tls { group.addTask { await watch(tls) } }
        }
    }

    private func hangUp() {
        onHangUp()
        guard let tls else { return logger.info("SIGHUP: there is no certificate to reload.") }
        if case .unchanged = look(at: tls) { logger.info("SIGHUP: the certificate is the same as before.") }
    }

    private func watch(_ tls: CurrentTLS) async {
        var expiry = ExpiryWatch()
        if tls.files.isKeyOpenToAll {
            logger.warning(
                "Everyone on this machine can read the TLS key: chmod it to 600.",
                metadata: ["file": "\(tls.files.key.path(percentEncoded: false))"])
        }
        while !Task.isShuttingDownGracefully {
            if let warning = expiry.warning(expiry: tls.expiry, at: Date()) { warn(warning, tls) }
            do {
                try await cancelWhenGracefulShutdown { try await Task.sleep(for: Self.interval) }
            } catch {
                return
            }
            _ = look(at: tls)
        }
    }

    private func look(at tls: CurrentTLS) -> CurrentTLS.Reload {
        let reload = tls.reload()
        switch reload {
        case .unchanged: break
        case .replaced:
            logger.notice(
                "The TLS certificate was replaced.",
                metadata: ["certificate": "\(tls.identity.name)", "expires": "\(tls.expiry.formatted(.iso8601))"])
        case .refused(let reason):
            logger.error(
                "The new TLS certificate cannot be used, and the old one goes on.",
                metadata: ["reason": "\(reason)", "expires": "\(tls.expiry.formatted(.iso8601))"])
        }
        return reload
    }

    private func warn(_ warning: ExpiryWatch.Warning, _ tls: CurrentTLS) {
        let metadata: Logger.Metadata = [
            "certificate": "\(tls.identity.name)", "expires": "\(tls.expiry.formatted(.iso8601))",
        ]
        switch warning {
        case .none: break
        case .month: logger.warning("The TLS certificate expires within 30 days.", metadata: metadata)
        case .week: logger.error("The TLS certificate expires within 7 days.", metadata: metadata)
        case .expired: logger.critical("The TLS certificate has expired: clients refuse it.", metadata: metadata)
        }
    }
}
