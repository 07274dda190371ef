public import Broker
public import FoundationEssentials
import SQLite

extension SQLiteStore: TokenStore {
    public func insert(_ token: AccessToken, recording record: AuditRecord) async throws {
        try await change { change in
            try change.insert(token)
            try change.append(record)
        }
    }

    public func revoke(token id: String, at time: Date, recording record: AuditRecord) async throws -> Bool {
        try await change { change in
            guard try change.revoke(id, at: time) else { return false }
            try change.append(record)
            return true
        }
    }
}
