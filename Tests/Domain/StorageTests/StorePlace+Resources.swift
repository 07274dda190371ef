import Broker
import Foundation

@testable import Storage

/// Guests and resources of a test.
extension StorePlace {
    func record(_ action: AuditRecord.Action) -> AuditRecord { AuditRecord(action, by: .server, at: now) }

    func put(
        _ number: Int, at path: ResourcePath? = nil, masterKey: String = "k", policy: PolicyChoice? = nil,
        expecting expected: Resource.Expectation? = nil
    ) async throws -> ResourcePutOutcome {
        try await store.put(
            NewResourceVersion(
                path: path ?? self.path, number: number,
                sealed: Sealed(bytes: [UInt8(number)], masterKey: masterKey), size: number, policy: policy),
            expecting: expected, at: now
        ) { _ in record(.putResource) }
    }

    func done(_ outcome: ResourcePutOutcome, replacing: Bool = false) throws -> Resource {
        guard case .done(let resource, replacing) = outcome else { throw NotDone(outcome: outcome) }
        return resource
    }

    private struct NotDone: Error { let outcome: ResourcePutOutcome }

    func guest(_ id: UInt8, expires: Double = 100, chip: String = "c0ffee", masterKey: String = "k") -> StoredGuest {
        StoredGuest(
            id: Array(repeating: id, count: 16), claims: "{}", key: "key", verdict: "{}", token: "token", tee: "snp",
            chip: chip, opened: now, expires: now.addingTimeInterval(expires), code: [4, 5], masterKey: masterKey)
    }

    func insert(_ guest: StoredGuest) async throws -> Bool { try await store.insert(guest) }
}

extension GuestStore {
    /// With an attempt and a record.
    func insert(_ guest: StoredGuest) async throws -> Bool {
        let attempt = RecordedAttempt(
            id: 0, time: guest.opened, action: "guest.attest", workload: "", tee: "snp", session: "s",
            chip: guest.chip, code: nil, sentence: "", verdict: nil, verdictJSON: "")
        return try await insert(
            guest, initData: nil, attempt: attempt, recording: AuditRecord(.attest, by: .server, at: guest.opened))
    }
}
