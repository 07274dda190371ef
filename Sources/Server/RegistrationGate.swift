import Broker
import HTTPTypes
import Hummingbird
import NIOCore

/// Who may register, list and remove workloads, until there are roles: callers from certain networks.
struct RegistrationGate: Sendable {
    let networks: NetworkList

    /// - Throws: a ``Refusal``.
    func admit(_ request: Request, from address: SocketAddress?) throws {
        guard !networks.isEmpty else {
            throw Refusal(
                .registrationForbidden,
                "This server takes no registrations over HTTP: the operator can use `kbs workload` on its data folder.")
        }
        guard networks.contains(address) else {
            throw Refusal(
                .registrationForbidden,
                "Workloads may be registered from \(networks) only: register from there, or have the operator add "
                    + "your network to registration.networks.")
        }
        // Behind a proxy everyone has the proxy's address, so the rule above would let everyone in.
        guard !request.headers.contains(where: { Self.proxyMarks.contains($0.name.canonicalName) }) else {
            throw Refusal(
                .registrationForbidden,
                "The request came through a proxy, so its origin is not known: register from the server itself.")
        }
        // A page in a browser on this machine is in the right network, and was written by anyone.
        guard !request.headers.contains(where: { Self.browserMarks.contains($0.name.canonicalName) }) else {
            throw Refusal(.registrationForbidden, "Browsers may not register workloads.")
        }
    }

    private static let browserMarks: Set<String> = ["origin", "sec-fetch-site"]
    private static let proxyMarks: Set<String> = ["forwarded", "via", "x-forwarded-for", "x-real-ip"]
}
