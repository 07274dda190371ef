public import Broker
public import Evidence

extension PostgreSQLStore: DenialStore {
    public func deny(_ denial: Denial, recording record: AuditRecord) async throws {
        try await decide { transaction in
            try transaction.deny(denial)
            transaction.append(record)
        }
    }

    public func allow(_ endorser: Endorser, recording record: AuditRecord) async throws -> Bool {
        try await decide { transaction in
            guard try transaction.allow(endorser) else { return false }
            transaction.append(record)
            return true
        }
    }
}
