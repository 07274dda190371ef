import Bytes
public import Crypto
import Evidence

/// A server's keys, each derived from one master key for one use (HKDF-SHA256).
public struct ServerKeys: Sendable {
    /// The master key's id: 16 hex digits, derived with a label of its own, so that it reveals nothing of the key.
    public let id: String
    private let challengeAuthentication: SymmetricKey
    private let challengeNonce: SymmetricKey
    private let channel: SymmetricKey
    private let sessions: SymmetricKey
    private let secrets: SymmetricKey
    private let resources: SymmetricKey
    private let serverKeys: SymmetricKey

    /// - Parameter master: 32 random bytes.
    public init(master: SymmetricKey) {
        func derive(_ use: String) -> SymmetricKey {
            HKDF<SHA256>.deriveKey(
                inputKeyMaterial: master, info: "swift-kbs/1 \(use)".utf8, outputByteCount: 32)
        }
        challengeAuthentication = derive("challenge authentication")
        challengeNonce = derive("challenge nonce")
        channel = derive("sev channel")
        sessions = derive("session authentication")
        secrets = derive("secrets at rest")
        resources = derive("resources at rest")
        serverKeys = derive("server keys at rest")
        id = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: master, info: "swift-kbs/1 key id".utf8, outputByteCount: 8
        ).withUnsafeBytes { Hex.encode($0) }
    }

    // MARK: Challenges

    /// HMAC-SHA256, 32 bytes.
    func authenticationCode(for body: [UInt8]) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: body, using: challengeAuthentication))
    }

    func isValid(_ code: [UInt8], for body: [UInt8]) -> Bool {
        HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: body, using: challengeAuthentication)
    }

    /// A challenge's nonce, 32 bytes: HMAC-SHA256 over its id, so that only a holder of the master key can compute it.
    func nonce(for id: [UInt8]) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: id, using: challengeNonce))
    }

    /// The keys of the SEV channel of a challenge: derived from its id each time, and stored nowhere.
    func transportKeys(for id: [UInt8]) -> SEVTransportKeys {
        func derive(_ name: String) -> SymmetricKey {
            HKDF<SHA256>.deriveKey(
                inputKeyMaterial: channel, salt: id, info: name.utf8, outputByteCount: 16)
        }
        return SEVTransportKeys(encryption: derive("tek"), integrity: derive("tik"))
    }

    // MARK: Sessions

    /// HMAC-SHA256, 32 bytes.
    ///
    /// - Parameter workload: the session's, as it is now.
    func authenticationCode(for session: StoredSession, of workload: Workload?) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: Self.authenticated(session, workload), using: sessions))
    }

    /// Whether a broker with this master key opened the session, unchanged, for the workload as it is now.
    func isGenuine(_ session: StoredSession, of workload: Workload?) -> Bool {
        HMAC<SHA256>.isValidAuthenticationCode(
            session.code, authenticating: Self.authenticated(session, workload), using: sessions)
    }

    private static func authenticated(_ session: StoredSession, _ workload: Workload?) -> [UInt8] {
        session.authenticatedBytes + (workload.map { context($0.id, $0.launch) } ?? [])
    }

    // MARK: Resources

    /// Encrypts one version of a resource for the database. It opens under the same path and version only, so a writer
    /// to the database cannot pass one off as another.
    func seal(_ secret: Secret, for path: ResourcePath, version: Int) throws -> [UInt8] {
        try Self.seal(secret, resources, Self.context(path, version))
    }

    func open(_ sealed: [UInt8], for path: ResourcePath, version: Int) throws -> Secret {
        try Self.open(sealed, resources, Self.context(path, version))
    }

    private static func context(_ path: ResourcePath, _ version: Int) -> [UInt8] {
        Array("resources/".utf8) + UInt64(clamping: version).bigEndianBytes + Array(path.text.utf8)
    }

    // MARK: Secrets

    /// Encrypts a registration's secret for the database: AES-256-GCM, nonce ‖ ciphertext ‖ tag.
    ///
    /// It opens only with the id, measurement and policy it was sealed with, so a writer to the database cannot
    /// redirect a secret to another guest.
    package func seal(_ registration: Registration) throws -> [UInt8] {
        try Self.seal(registration.secret, secrets, Self.context(registration.id, registration.launch))
    }

    /// Seals a secret that is moved from another master key to this one.
    func seal(_ secret: Secret, of workload: Workload) throws -> [UInt8] {
        try Self.seal(secret, secrets, Self.context(workload.id, workload.launch))
    }

    /// - Throws: when the sealed bytes or the workload they belong to were changed, or the master key is another.
    func open(_ sealed: [UInt8], of workload: Workload) throws -> Secret {
        try Self.open(sealed, secrets, Self.context(workload.id, workload.launch))
    }

    private static func seal(_ secret: Secret, _ key: SymmetricKey, _ context: [UInt8]) throws -> [UInt8] {
        try secret.withBytes { try AES.GCM.seal($0, using: key, authenticating: context) }.combined
    }

    private static func open(_ sealed: [UInt8], _ key: SymmetricKey, _ context: [UInt8]) throws -> Secret {
        let box = try AES.GCM.SealedBox(combined: sealed)
        var plaintext = try AES.GCM.open(box, using: key, authenticating: context)
        return Secret(wiping: &plaintext)
    }

    private static func context(_ id: WorkloadID, _ launch: Launch) -> [UInt8] {
        let asked: [UInt8] =
            switch launch {
            case .snp(let measurement, let policy): measurement + policy.rawValue.bigEndianBytes
            case .sev(let digest, let policy): digest + policy.bytes
            case .policy(let name): UInt32(clamping: name.text.utf8.count).bigEndianBytes + Array(name.text.utf8)
            }
        // The id has no fixed length, so it is last.
        return Array("secrets/\(launch.technology)/".utf8) + asked + Array(id.text.utf8)
    }

    // MARK: Server keys

    /// Encrypts one of the server's own keys. It opens under the same name and id only.
    func seal(_ secret: Secret, for name: String, id: String) throws -> [UInt8] {
        try Self.seal(secret, serverKeys, Self.context(name, id))
    }

    func open(_ sealed: [UInt8], for name: String, id: String) throws -> Secret {
        try Self.open(sealed, serverKeys, Self.context(name, id))
    }

    private static func context(_ name: String, _ id: String) -> [UInt8] {
        // The name is preceded by its length, so that no part of it can be read as the id.
        Array("server_keys/".utf8) + UInt32(clamping: name.utf8.count).bigEndianBytes + Array("\(name)\(id)".utf8)
    }
}
