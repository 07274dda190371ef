package import Administration
package import Broker
package import FoundationEssentials
import Glibc
package import Installation

extension BrokerAssembly {
    /// The administration API over this broker.
    ///
    /// - Parameters:
    ///   - checkpoint: signs the trail's present state.
    ///   - replacesWorkloads: whether a registered workload may be registered again.
    ///   - status: the server's status; `nil` without a running server.
    package func administration(
        checkpoint: @escaping @Sendable (Date) async throws -> Checkpoint, replacesWorkloads: Bool,
        status: (@Sendable () async throws -> ServerStatus)? = nil
    ) -> AdministrationAPI {
        AdministrationAPI(
            broker, store: store, checkpoint: checkpoint,
            drafting: { [settings] in try settings.policy(changing: $0) }, status: status,
            replacesWorkloads: replacesWorkloads, settings: settings.texts, longestBody: settings.limits.body,
            longestResource: settings.limits.resource)
    }

    /// Administration on the data folder by a local operator. A server may run on the folder at the same time.
    package var administrator: Administrator {
        Administrator(
            administration(checkpoint: checkpoint, replacesWorkloads: true), for: Admission(.local(user: getuid())))
    }
}
