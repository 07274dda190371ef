import Broker
import FoundationEssentials
import Glibc

extension Store {
    /// Records what someone on this machine did with the data folder.
    func recordLocally(_ action: AuditRecord.Action, _ details: [String: String]) async throws {
        try await record(
            [AuditRecord(action, by: .local(user: getuid()), details: details, at: Date())], attempt: nil)
    }
}
