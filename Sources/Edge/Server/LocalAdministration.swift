package import Administration
import Broker
import Glibc
package import Installation

extension BrokerAssembly {
    /// What an operator on this machine can do with the data folder. A server may run on it at the same time.
    package var administrator: any Administrator {
        LocalAdministrator(
            broker, store: store, signer: checkpointKey, for: Admission(.local(user: getuid())),
            drafting: { [settings] in try settings.policy(changing: $0) })
    }
}
