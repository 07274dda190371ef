public import Broker
public import FoundationEssentials

extension PostgreSQLStore: TokenStore {
    public func insert(_ token: AccessToken, recording record: AuditRecord) async throws {
        try await decide { transaction in
            try transaction.insert(token)
            transaction.append(record)
        }
    }

    public func revoke(token id: String, at time: Date, recording record: AuditRecord) async throws -> Bool {
        try await decide { transaction in
            guard try transaction.revoke(id, at: time) else { return false }
            transaction.append(record)
            return true
        }
    }
}
