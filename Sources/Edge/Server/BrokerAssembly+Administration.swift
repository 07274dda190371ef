package import Administration
package import Broker
import Glibc
package import Installation

extension BrokerAssembly {
    /// The administration API over this broker.
    ///
    /// - Parameters:
    ///   - signer: returns the signing key for checkpoints.
    ///   - replacesWorkloads: whether a registered workload may be registered again.
    ///   - status: the server's status; `nil` without a running server.
    package func administration(
        signer: @escaping @Sendable () async throws -> CheckpointKey, replacesWorkloads: Bool,
        status: (@Sendable () async throws -> ServerStatus)? = nil
    ) -> AdministrationAPI {
        AdministrationAPI(
            broker, store: store, signer: signer, drafting: { [settings] in try settings.policy(changing: $0) },
            status: status, replacesWorkloads: replacesWorkloads, settings: settings.texts,
            longestBody: settings.limits.body, longestResource: settings.limits.resource)
    }

    /// Administration on the data folder by a local operator. A server may run on the folder at the same time.
    package var administrator: Administrator {
        Administrator(
            administration(signer: checkpointKey, replacesWorkloads: true), for: Admission(.local(user: getuid())))
    }
}
