public import Broker
public import Evidence

extension SQLiteStore: DenialStore {
    public func deny(_ denial: Denial, recording record: AuditRecord) async throws {
        try await change { change in
            try change.deny(denial)
            try change.append(record)
        }
    }

    public func allow(_ endorser: Endorser, recording record: AuditRecord) async throws -> Bool {
        try await change { change in
            guard try change.allow(endorser) else { return false }
            try change.append(record)
            return true
        }
    }
}
