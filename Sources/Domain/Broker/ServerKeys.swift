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
        session.authenticatedBytes + (workload.map { $0.launch.context($0.id) } ?? [])
    }

    // MARK: At rest

    /// Encrypts a secret for the database: AES-256-GCM, nonce ‖ ciphertext ‖ tag.
    func seal(_ secret: Secret, for subject: SealedSubject) throws -> [UInt8] {
        let key = key(for: subject)
        return try secret.withBytes { try AES.GCM.seal($0, using: key, authenticating: subject.context) }.combined
    }

    /// - Throws: when the sealed bytes or their subject were changed, or the master key is another.
    func open(_ sealed: [UInt8], for subject: SealedSubject) throws -> Secret {
        let box = try AES.GCM.SealedBox(combined: sealed)
        var plaintext = try AES.GCM.open(box, using: key(for: subject), authenticating: subject.context)
        return Secret(wiping: &plaintext)
    }

    private func key(for subject: SealedSubject) -> SymmetricKey {
        switch subject {
        case .secret: secrets
        case .resource: resources
        case .serverKey: serverKeys
        }
    }
}

/// What sealed bytes in the database belong to. They open for nothing else, so a writer to the database cannot pass one
/// off as another, or redirect a secret to another guest.
public enum SealedSubject: Sendable, CustomStringConvertible {
    /// The secret of a workload, with what its guests must be launched as.
    case secret(WorkloadID, Launch)
    /// One version of a resource.
    case resource(ResourcePath, version: Int)
    /// One of the server's own keys, by its purpose and id.
    case serverKey(name: String, id: String)

    public var description: String {
        switch self {
        case .secret(let id, _): "secret of \(id)"
        case .resource(let path, let version): "version \(version) of the resource \(path)"
        case .serverKey(let name, let id): "server key \(name)/\(id)"
        }
    }

    /// The authenticated data. The part without a fixed length is last, and two such parts begin with their length.
    fileprivate var context: [UInt8] {
        switch self {
        case .secret(let id, let launch): launch.context(id)
        case .resource(let path, let version):
            Array("resources/".utf8) + UInt64(clamping: version).bigEndianBytes + Array(path.text.utf8)
        case .serverKey(let name, let id):
            Array("server_keys/".utf8) + Array(name.utf8).lengthPrefixed + Array(id.utf8)
        }
    }
}

extension Launch {
    fileprivate func context(_ id: WorkloadID) -> [UInt8] {
        let asked: [UInt8] =
            switch self {
            case .snp(let measurement, let policy): measurement + policy.rawValue.bigEndianBytes
            case .sev(let digest, let policy): digest + policy.bytes
            case .policy(let name): Array(name.text.utf8).lengthPrefixed
            }
        return Array("secrets/\(technology)/".utf8) + asked + Array(id.text.utf8)
    }
}
