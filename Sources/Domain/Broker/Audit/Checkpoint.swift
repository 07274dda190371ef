public import Bytes
import Crypto
import Evidence
public import FoundationEssentials

/// A signed statement of the trail's head at a time. Stored away from the database, it proves later whether the records
/// up to that head were changed or removed.
public struct Checkpoint: Sendable, Hashable {
    public let head: AuditHead
    /// In whole seconds.
    public let time: Date
    /// Ed25519, 64 bytes.
    public let signature: [UInt8]
    /// The Ed25519 key that signed it, 32 bytes: unproven until it is compared with the trusted one.
    public let publicKey: [UInt8]

    /// - Throws: when the key cannot sign.
    public init(_ head: AuditHead, at time: Date, signedBy key: CheckpointKey) throws {
        let time = Date(timeIntervalSince1970: time.timeIntervalSince1970.rounded(.down))
        self.head = head
        self.time = time
        signature = try key.privateKey.signature(for: Self.signed(head, time))
        publicKey = key.publicKey
    }

    /// Label ‖ sequence, 8 bytes ‖ hash, 32 bytes ‖ seconds since 1970, 8 bytes; big-endian.
    private static func signed(_ head: AuditHead, _ time: Date) -> [UInt8] {
        let seconds = Int64(exactly: time.timeIntervalSince1970.rounded(.down)) ?? .max
        return Array("swift-kbs checkpoint 1\n".utf8) + UInt64(bitPattern: head.sequence).bigEndianBytes + head.hash
            + UInt64(bitPattern: seconds).bigEndianBytes
    }

    /// Whether the signature is by this key, 32 bytes.
    public func isSigned(by publicKey: [UInt8]) -> Bool {
        guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: publicKey) else { return false }
        return key.isValidSignature(signature, for: Self.signed(head, time))
    }

    /// One line of JSON.
    public var line: String {
        "{\"hash\":\"\(Hex.encode(head.hash))\",\"public_key\":\"\(Hex.encode(publicKey))\","
            + "\"sequence\":\(head.sequence),\"signature\":\"\(Hex.encode(signature))\","
            + "\"time\":\"\(time.formatted(.iso8601))\"}"
    }

    /// Reads ``line``.
    ///
    /// - Throws: ``MalformedInput``.
    public init(line: some StringProtocol) throws(MalformedInput) {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        guard let message = try? decoder.decode(CheckpointMessage.self, from: Data(line.utf8)),
            let hash = Hex.decode(message.hash), hash.count == 32, message.sequence >= 0,
            let key = Hex.decode(message.public_key), let signature = Hex.decode(message.signature)
        else { throw MalformedInput("checkpoint", "it is not a line that `kbs` wrote") }
        head = AuditHead(sequence: message.sequence, hash: hash)
        time = message.time
        self.signature = signature
        publicKey = key
    }
}

/// The Ed25519 key that signs checkpoints.
public struct CheckpointKey: Sendable {
    let privateKey: Curve25519.Signing.PrivateKey

    /// Makes a new one.
    public init() { privateKey = Curve25519.Signing.PrivateKey() }

    /// - Parameter secret: ``secret`` of a key, 32 bytes.
    public init(_ secret: Secret) throws {
        privateKey = try secret.withBytes { try Curve25519.Signing.PrivateKey(rawRepresentation: $0) }
    }

    /// The private key, 32 bytes, to be sealed.
    public var secret: Secret {
        var bytes = privateKey.rawRepresentation
        return Secret(wiping: &bytes)
    }

    /// The key's id: the first 8 bytes of SHA-256 over the public key, in hex.
    public var id: String { Hex.encode(SHA256.hash(data: publicKey).prefix(8)) }

    /// The public key, 32 bytes, by which auditors verify checkpoints.
    public var publicKey: [UInt8] { privateKey.publicKey.rawRepresentation }
}

private struct CheckpointMessage: Decodable {
    let hash, public_key, signature: String
    let sequence: Int64
    let time: Date
}
