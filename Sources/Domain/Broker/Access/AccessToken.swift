import Bytes
import Crypto
import Evidence
public import FoundationEssentials

/// An access token: its bearer has its role. Only a digest of the secret is stored.
public struct AccessToken: Sendable, Hashable {
    /// The token's id in lists and in the audit trail: 12 hex digits.
    public let id: String
    /// SHA-256 of the secret part, 32 bytes. The secret is 32 random bytes, so a slow hash would protect it no better.
    public let digest: [UInt8]
    public let role: Authority
    /// The token's purpose, in the operator's words.
    public let description: String
    public let created: Date
    public let expires: Date
    /// When it was revoked.
    public let revoked: Date?

    public init(
        id: String, digest: [UInt8], role: Authority, description: String, created: Date, expires: Date, revoked: Date?
    ) {
        self.id = id
        self.digest = digest
        self.role = role
        self.description = description
        self.created = created
        self.expires = expires
        self.revoked = revoked
    }

    /// Longest description, in characters.
    public static let longestDescription = 64

    /// Makes a token.
    ///
    /// - Parameter lifetime: in seconds.
    /// - Returns: the token to store, and its text, which is shown once: `kbs_<id>_<secret>`.
    /// - Throws: a ``Refusal`` when the description or the lifetime is out of bounds.
    public static func make(
        role: Authority, description: String, lifetime: TimeInterval, at time: Date
    ) throws(Refusal) -> (token: AccessToken, text: String) {
        guard description.unicodeScalars.count <= longestDescription,
            !description.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
        else {
            throw Refusal(
                .invalidField,
                "description must be at most \(longestDescription) characters, none of them control characters.")
        }
        guard lifetime >= 1, lifetime <= longestLifetime else {
            throw Refusal(.invalidField, "A token lives from one second to ten years.")
        }
        let id = Hex.encode(SecureRandom.bytes(6))
        let secret = SymmetricKey(size: .bits256).withUnsafeBytes { $0.base64URL }
        let token = AccessToken(
            id: id, digest: digest(of: secret), role: role, description: description, created: time,
            expires: time.addingTimeInterval(lifetime), revoked: nil)
        return (token, "kbs_\(id)_\(secret)")
    }

    /// Ten years, in seconds.
    public static let longestLifetime: TimeInterval = 315_360_000

    /// Splits a presented token into id and secret.
    ///
    /// - Returns: `nil` when it does not have an access token's form.
    public static func parse(_ text: some StringProtocol) -> (id: String, secret: String)? {
        guard text.utf8.count <= 128 else { return nil }
        let parts = text.split(separator: "_", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "kbs", parts[1].utf8.count == 12, !parts[2].isEmpty else { return nil }
        return (String(parts[1]), String(parts[2]))
    }

    /// Whether the secret is the token's. Expiry and revocation are not checked.
    public func matches(_ secret: String) -> Bool { equalInConstantTime(Self.digest(of: secret), digest) }

    public func isUsable(at time: Date) -> Bool { revoked == nil && time < expires }

    private static func digest(of secret: String) -> [UInt8] { Array(SHA256.hash(data: secret.utf8)) }
}

/// Where access tokens are stored.
public protocol TokenStore: Sendable {
    func insert(_ token: AccessToken, recording record: AuditRecord) async throws
    func token(_ id: String) async throws -> AccessToken?
    /// Every token, expired and revoked ones too, oldest first.
    func tokens() async throws -> [AccessToken]
    /// Whether a token was ever created.
    func hasTokens() async throws -> Bool
    /// - Returns: whether the token exists and was not revoked before.
    func revoke(token id: String, at time: Date, recording record: AuditRecord) async throws -> Bool
}

extension AccessToken {
    /// Ninety days, in seconds: long enough for a job, short enough to be renewed.
    public static let defaultLifetime: TimeInterval = 7_776_000
}
