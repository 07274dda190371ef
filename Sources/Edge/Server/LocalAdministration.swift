package import Administration
import Broker
import Glibc
package import Installation

extension DataFolder {
    /// What an operator can do on this folder, without a server.
    package func administrator(_ settings: Settings) throws -> any Administrator {
        LocalAdministrator(
            try broker(settings), store: store, signer: { [keys, store] in try await Trail.key(keys, store) },
            actor: .local(user: getuid()),
            drafting: { try settings.policy(changing: $0) })
    }
}
