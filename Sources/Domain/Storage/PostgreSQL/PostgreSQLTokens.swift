public import Broker
public import FoundationEssentials

extension PostgreSQLStore: TokenStore {
    public func insert(_ token: AccessToken, recording record: AuditRecord) async throws {
        try await change { transaction in
            try transaction.run(
                "INSERT INTO tokens (id, digest, role, description, created, expires) VALUES ($1, $2, $3, $4, $5, $6)",
                [
                    .text(token.id), .bytes(token.digest), .text(token.role.rawValue), .text(token.description),
                    .integer(token.created.seconds), .integer(token.expires.seconds),
                ])
            transaction.append(record)
        }
    }

    public func token(_ id: String) async throws -> AccessToken? {
        try await lookUp("\(Self.selectToken) WHERE id = $1", [.text(id)]).first.map { try AccessToken(row: $0) }
    }

    public func tokens() async throws -> [AccessToken] {
        try await scan("\(Self.selectToken) ORDER BY created, id").rows.map { try AccessToken(row: $0) }
    }

    public func hasTokens() async throws -> Bool {
        try await lookUp("SELECT 1 FROM tokens LIMIT 1").first != nil
    }

    public func revoke(token id: String, at time: Date, recording record: AuditRecord) async throws -> Bool {
        try await change { transaction in
            let revoked = try transaction.run(
                "UPDATE tokens SET revoked = $1 WHERE id = $2 AND revoked IS NULL",
                [.integer(time.seconds), .text(id)])
            guard revoked.changes > 0 else { return false }
            transaction.append(record)
            return true
        }
    }

    private static let selectToken = "SELECT id, digest, role, description, created, expires, revoked FROM tokens"
}

extension AccessToken {
    fileprivate init(row: ResultRow) throws {
        guard let role = Role(rawValue: try row.text(2)) else {
            throw UnexpectedAnswer(description: "the token \(try row.text(0)) has an unknown role")
        }
        self.init(
            id: try row.text(0), digest: try row.bytes(1), role: role, description: try row.text(3),
            created: Date(seconds: try row.integer(4)), expires: Date(seconds: try row.integer(5)),
            revoked: try row.optionalInteger(6).map { Date(seconds: $0) })
    }
}
