package import Administration
package import Broker
import Glibc
package import Installation

extension BrokerAssembly {
    /// The administration API over this broker.
    ///
    /// - Parameters:
    ///   - signer: gives the key that checkpoints are signed with.
    ///   - replacesWorkloads: whether a registered workload may be registered again.
    ///   - status: how the server is; `nil` where none runs.
    package func administration(
        signer: @escaping @Sendable () async throws -> CheckpointKey, replacesWorkloads: Bool,
        status: (@Sendable () async throws -> ServerStatus)? = nil
    ) -> AdministrationAPI {
        AdministrationAPI(
            broker, store: store, signer: signer, drafting: { [settings] in try settings.policy(changing: $0) },
            status: status, replacesWorkloads: replacesWorkloads, settings: settings.texts,
            longestBody: settings.limits.body, longestResource: settings.limits.resource)
    }

    /// What an operator on this machine can do with the data folder. A server may run on it at the same time.
    package var administrator: Administrator {
        Administrator(
            administration(signer: checkpointKey, replacesWorkloads: true), for: Admission(.local(user: getuid())))
    }
}
