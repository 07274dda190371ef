public import Bytes
import Crypto
import Evidence
public import FoundationEssentials

/// A signed statement of where the trail was at a time. Kept away from the database, it shows later that nothing
/// before it was changed or cut off.
public struct Checkpoint: Sendable, Hashable {
    public let head: AuditHead
    /// In whole seconds.
    public let time: Date
    /// Ed25519, 64 bytes.
    public let signature: [UInt8]
    /// The key that signed it, 32 bytes: a claim, until it is compared with the one that is trusted.
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

    /// Whether the key, 32 bytes, made the signature.
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

/// The key that checkpoints are signed with.
public struct CheckpointKey: Sendable {
    let privateKey: Curve25519.Signing.PrivateKey

    /// Makes a new one.
    public init() { privateKey = Curve25519.Signing.PrivateKey() }

    /// - Parameter secret: what ``secret`` gave.
    public init(_ secret: Secret) throws {
        privateKey = try secret.withBytes { try Curve25519.Signing.PrivateKey(rawRepresentation: $0) }
    }

    /// For sealing: 32 bytes.
    public var secret: Secret {
        var bytes = privateKey.rawRepresentation
        return Secret(wiping: &bytes)
    }

    /// Names it: the start of its public key's hash, in hex.
    public var id: String { Hex.encode(SHA256.hash(data: publicKey).prefix(8)) }

    /// 32 bytes: what an auditor needs.
    public var publicKey: [UInt8] { privateKey.publicKey.rawRepresentation }
}

private struct CheckpointMessage: Decodable {
    let hash, public_key, signature: String
    let sequence: Int64
    let time: Date
}
