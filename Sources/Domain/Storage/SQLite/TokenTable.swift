public import Broker
public import FoundationEssentials
import SQLite

extension SQLiteStore: TokenStore {
    public func insert(_ token: AccessToken, recording record: AuditRecord) async throws {
        try await writes.perform { database in
            try database.cachedStatement(
                sql: "INSERT INTO tokens (id, digest, role, description, created, expires) VALUES (?, ?, ?, ?, ?, ?)"
            ).execute(arguments: [
                token.id, token.digest, token.role.rawValue, token.description, token.created.seconds,
                token.expires.seconds,
            ])
            try database.append(record)
        }
    }

    public func token(_ id: String) async throws -> AccessToken? {
        try read { database in
            try Row.fetchOne(
                database.cachedStatement(sql: "\(Self.selectToken) WHERE id = ?"), arguments: [id]
            ).map { try AccessToken(row: $0) }
        }
    }

    public func tokens() async throws -> [AccessToken] {
        try await scan { database in
            try Row.fetchAll(database.cachedStatement(sql: "\(Self.selectToken) ORDER BY created, id"))
                .map { try AccessToken(row: $0) }
        }
    }

    public func hasTokens() async throws -> Bool {
        try read { database in
            try Bool.fetchOne(database.cachedStatement(sql: "SELECT 1 FROM tokens LIMIT 1")) == true
        }
    }

    public func revoke(token id: String, at time: Date, recording record: AuditRecord) async throws -> Bool {
        try await writes.perform { database in
            try database.cachedStatement(sql: "UPDATE tokens SET revoked = ? WHERE id = ? AND revoked IS NULL")
                .execute(arguments: [time.seconds, id])
            guard database.changesCount > 0 else { return false }
            try database.append(record)
            return true
        }
    }

    private static let selectToken = "SELECT id, digest, role, description, created, expires, revoked FROM tokens"
}

extension AccessToken {
    fileprivate init(row: SQLite.Row) throws {
        guard let role = Role(rawValue: try row[2]) else {
            throw DatabaseError(message: "the token \(try row[0] as String) has an unknown role")
        }
        try self.init(
            id: row[0], digest: row[1], role: role, description: row[3], created: Date(seconds: row[4]),
            expires: Date(seconds: row[5]), revoked: (row[6] as Int64?).map { Date(seconds: $0) })
    }
}
