public import Broker
import FoundationEssentials

extension ReadingStore {
    public func token(_ id: String) async throws -> AccessToken? {
        try await genuine(
            Read(TokenReads.token, [.text(id)]) { row in
                let token = try AccessToken(row: row)
                return try row.deciding(token, ManifestEntry(token), seal: 7)
            })
    }

    /// Tokens that agree with the manifest: others are not valid.
    public func tokens() async throws -> [AccessToken] {
        var tokens: [AccessToken] = []
        for id in try await rows(Read("SELECT id FROM tokens ORDER BY created, id", [], .scan) { try $0.text(0) }) {
            do { if let token = try await token(id) { tokens.append(token) } } catch is ManifestViolation {}
        }
        return tokens
    }

    public func hasTokens() async throws -> Bool {
        if try await first(Read("SELECT 1 FROM tokens LIMIT 1") { _ in true }) != nil { return true }
        // Removing the rows must not open the server to callers without tokens.
        try await catchUp()
        return manifest?.listsTokens ?? false
    }
}

enum TokenReads {
    private static let columns = "t.id, t.digest, t.role, t.description, t.created, t.expires, t.revoked"

    fileprivate static let token: SQLText = """
        SELECT \(columns), \(SealColumns.columns) FROM tokens t \(SealColumns.join) WHERE t.id = ?1
        """

    static let entries = Read("SELECT \(columns) FROM tokens t") { ManifestEntry(try AccessToken(row: $0)) }

    static func token(_ id: String) -> Read<AccessToken> { Read(token, [.text(id)]) { try AccessToken(row: $0) } }
}

extension AccessToken {
    fileprivate init(row: any StoredRow) throws {
        guard let role = Authority(exactly: try row.text(2)) else {
            throw UnexpectedAnswer(description: "the token \(try row.text(0)) has an unknown role")
        }
        self.init(
            id: try row.text(0), digest: try row.bytes(1), role: role, description: try row.text(3),
            created: try row.date(4), expires: try row.date(5), revoked: try row.optionalDate(6))
    }
}

extension WritingStore {
    public func insert(_ token: AccessToken, recording record: AuditRecord) async throws {
        try await decide { change in
            try change.execute(
                "INSERT INTO tokens (id, digest, role, description, created, expires) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                [
                    .text(token.id), .bytes(token.digest), .text(token.role.description), .text(token.description),
                    .time(token.created), .time(token.expires),
                ])
            try change.list([ManifestEntry(token)])
            try change.append(record)
        }
    }

    public func revoke(token id: String, at time: Date, recording record: AuditRecord) async throws -> Bool {
        try await decide { change in
            // The row is not compared with the manifest: a revoked token does no harm, whatever was changed in it.
            guard let found = try change.first(TokenReads.token(id)) else {
                // A row that an attacker has hidden must not be valid if it comes back.
                try change.list([.absent(.token, id)])
                return false
            }
            let revoke: SQLText = "UPDATE tokens SET revoked = ?1 WHERE id = ?2 AND revoked IS NULL"
            guard found.revoked == nil, try change.execute(revoke, [.time(time), .text(id)]) > 0 else { return false }
            try change.list([
                ManifestEntry(
                    AccessToken(
                        id: found.id, digest: found.digest, role: found.role, description: found.description,
                        created: found.created, expires: found.expires, revoked: time))
            ])
            try change.append(record)
            return true
        }
    }
}
