import Broker
import BrokerSupport
import Foundation

@testable import Storage

/// Guests and resources of a test.
extension StorePlace {
    func record(_ action: AuditRecord.Action) -> AuditRecord { AuditRecord(action, by: .server, at: now) }

    func put(
        _ number: Int, at path: ResourcePath? = nil, masterKey: String = "k", policy: PolicyChoice? = nil,
        binding: HostDataBinding? = nil, expecting expected: Resource.Expectation? = nil
    ) async throws -> ResourcePutOutcome {
        try await store.put(
            NewResourceVersion(
                path: path ?? self.path, number: number,
                sealed: Sealed(bytes: [UInt8(number)], masterKey: masterKey), size: number, policy: policy,
                binding: binding),
            expecting: expected, at: now
        ) { _ in record(.putResource) }
    }

    func done(_ outcome: ResourcePutOutcome, replacing: Bool = false) throws -> Resource {
        guard case .done(let resource, replacing) = outcome else { throw NotDone(outcome: outcome) }
        return resource
    }

    private struct NotDone: Error { let outcome: ResourcePutOutcome }

    func guest(_ id: UInt8, expires: Double = 100, chip: String = "c0ffee", masterKey: String = "k") -> StoredSession {
        StoredSession(
            id: Array(repeating: id, count: 16), workload: nil, chip: chip, opened: now,
            expires: now.addingTimeInterval(expires), code: [4, 5], masterKey: masterKey)
    }

    func insert(_ guest: StoredSession) async throws -> Bool { try await store.insert(guest) }
}
