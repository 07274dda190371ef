public import Bytes
public import Crypto

/// The ID block, which the firmware compares with an SEV-SNP guest at the end of its launch: another guest does not
/// start. Reports repeat its fields; the digest is their measurement. Source: AMD 56860, "ID Block Format".
public struct IDBlock: Sendable, Hashable {
    public static let size = 96

    /// The launch digest, 48 bytes.
    public let measurement: [UInt8]
    /// 16 bytes.
    public let familyID: [UInt8]
    public let imageID: [UInt8]
    /// The image's security version, by which policies refuse old images.
    public let guestSVN: UInt32
    /// The guest policy, exactly as the guest is launched with it.
    public let policy: UInt64

    /// - Throws: ``MalformedInput`` that names the field of a wrong length.
    public init(
        measurement: [UInt8], familyID: [UInt8] = Array(repeating: 0, count: 16),
        imageID: [UInt8] = Array(repeating: 0, count: 16), guestSVN: UInt32 = 0, policy: UInt64
    ) throws(MalformedInput) {
        guard measurement.count == 48 else {
            throw MalformedInput(
                "the measurement", "has \(measurement.count) bytes, and a launch digest of SEV-SNP has 48")
        }
        for (name, id) in [("the family id", familyID), ("the image id", imageID)] where id.count != 16 {
            throw MalformedInput(name, "has \(id.count) bytes, and should have 16")
        }
        self.measurement = measurement
        self.familyID = familyID
        self.imageID = imageID
        self.guestSVN = guestSVN
        self.policy = policy
    }

    public init(_ bytes: [UInt8]) throws(MalformedInput) {
        guard bytes.count == Self.size else {
            throw MalformedInput("the ID block", "has \(bytes.count) bytes, and should have \(Self.size)")
        }
        let version = UInt32(bytes[80..<84])
        guard version == 1 else { throw MalformedInput("the ID block", "has the version \(version), and 1 is known") }
        try self.init(
            measurement: Array(bytes[0..<48]), familyID: Array(bytes[48..<64]), imageID: Array(bytes[64..<80]),
            guestSVN: UInt32(bytes[84..<88]),
            policy: UInt64(bytes[88..<96]))
    }

    public var bytes: [UInt8] {
        measurement + familyID + imageID + UInt32(1).littleEndianBytes + guestSVN.littleEndianBytes
            + policy.littleEndianBytes
    }
}

/// A signer of ID blocks: a key in a file, or one that stays in a token.
public protocol IDBlockSigner {
    var publicKey: P384.Signing.PublicKey { get }
    func signature(for digest: SHA384Digest) throws -> ECDSASignature<P384>
}

extension ECPrivateKey: IDBlockSigner where Curve == P384, Use == ECDSA {}

/// An ID block's signature by the ID key, and the ID key's signature by the author key. Source: AMD 56860, "ID
/// Authentication Information".
public struct IDAuthentication: Sendable, Hashable {
    public static let size = 4_096
    /// ECDSA on P-384 with SHA-384.
    private static let algorithm: UInt32 = 1

    /// A key in the firmware's form, with its signature.
    public struct Signed: Sendable, Hashable {
        /// 1,028 bytes.
        public let key: [UInt8]
        /// r ‖ s, big-endian.
        public let signature: [UInt8]

        /// The key's digest, SHA-384: ID_KEY_DIGEST or AUTHOR_KEY_DIGEST in reports and policies.
        public var digest: [UInt8] { Array(SHA384.hash(data: key)) }

        fileprivate init(key: [UInt8], signature: [UInt8]) { (self.key, self.signature) = (key, signature) }

        fileprivate init(_ message: [UInt8], by signer: some IDBlockSigner) throws {
            key = IDAuthentication.encode(signer.publicKey)
            signature = try signer.signature(for: SHA384.hash(data: message)).rawRepresentation
        }

        fileprivate func signs(_ message: [UInt8]) -> Bool {
            guard let key = try? IDAuthentication.publicKey(key),
                let signature = try? ECDSASignature<P384>(rawRepresentation: signature)
            else { return false }
            return key.isValidSignature(signature, for: SHA384.hash(data: message))
        }
    }

    /// The ID key, and the block's signature by it.
    public let id: Signed
    /// The author key, and its signature over the ID key; nil without one.
    public let author: Signed?

    /// Signs a block.
    ///
    /// - Parameter author: signs the ID key, which can then be replaced without changing policies that name the author
    ///   key.
    public init(of block: IDBlock, by signer: some IDBlockSigner, author: (any IDBlockSigner)? = nil) throws {
        let id = try Signed(block.bytes, by: signer)
        self.id = id
        self.author = try author.map { try Signed(id.key, by: $0) }
    }

    /// - Throws: ``MalformedInput`` for bytes that firmware would refuse.
    public init(_ bytes: [UInt8]) throws(MalformedInput) {
        func fail(_ reason: String) -> MalformedInput { MalformedInput("the ID authentication", reason) }
        guard bytes.count == Self.size else {
            throw fail("has \(bytes.count) bytes, and should have \(Self.size)")
        }
        guard UInt32(bytes[0..<4]) == Self.algorithm else {
            throw fail("has an ID key of an algorithm that is not known: ECDSA on P-384 is")
        }
        let gaps = [8..<0x40, 0x644..<0x680, 0xC84..<Self.size]
        guard gaps.allSatisfy({ bytes[$0].allSatisfy { $0 == 0 } }) else {
            throw fail("has something where zeros belong")
        }
        id = Signed(key: Array(bytes[0x240..<0x644]), signature: try Self.signature(bytes[0x40..<0x240]))
        _ = try Self.publicKey(id.key)
        switch UInt32(bytes[4..<8]) {
        case Self.algorithm where bytes[0x880..<0xC84].contains { $0 != 0 }:
            author = Signed(key: Array(bytes[0x880..<0xC84]), signature: try Self.signature(bytes[0x680..<0x880]))
            _ = try Self.publicKey(author?.key ?? [])
        case 0, Self.algorithm:
            guard bytes[0x680..<0xC84].allSatisfy({ $0 == 0 }) else { throw fail("has parts of an author key") }
            author = nil
        default: throw fail("has an author key of an algorithm that is not known: ECDSA on P-384 is")
        }
    }

    public var bytes: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Self.size)
        func put(_ part: [UInt8], at offset: Int) { bytes.replaceSubrange(offset..<offset + part.count, with: part) }
        put(Self.algorithm.littleEndianBytes, at: 0)
        put(Self.encode(id.signature), at: 0x40)
        put(id.key, at: 0x240)
        if let author {
            put(Self.algorithm.littleEndianBytes, at: 4)
            put(Self.encode(author.signature), at: 0x680)
            put(author.key, at: 0x880)
        }
        return bytes
    }

    /// Whether the signatures over the block and the ID key are valid.
    public func vouches(for block: IDBlock) -> Bool {
        id.signs(block.bytes) && (author?.signs(id.key) ?? true)
    }

    /// A key's digest, as in reports.
    public static func digest(of key: P384.Signing.PublicKey) -> [UInt8] { Array(SHA384.hash(data: encode(key))) }

    // MARK: The firmware's form: numbers of 72 bytes, little-endian

    /// 1,028 bytes.
    static func encode(_ key: P384.Signing.PublicKey) -> [UInt8] {
        let point = key.x963Representation
        return UInt32(2).littleEndianBytes + number(point[1..<49]) + number(point[49..<97])
            + Array(repeating: 0, count: 880)
    }

    private static func publicKey(_ bytes: [UInt8]) throws(MalformedInput) -> P384.Signing.PublicKey {
        guard bytes.count == 1_028, UInt32(bytes[0..<4]) == 2, bytes[148...].allSatisfy({ $0 == 0 }) else {
            throw MalformedInput("the ID authentication", "has a key that is not on P-384")
        }
        let point = [4] + (try coordinate(bytes[4..<76])) + (try coordinate(bytes[76..<148]))
        do { return try P384.Signing.PublicKey(x963Representation: point) } catch {
            throw MalformedInput("the ID authentication", "has a key that is not on P-384")
        }
    }

    /// 512 bytes of r ‖ s, big-endian, 48 bytes each.
    private static func encode(_ signature: [UInt8]) -> [UInt8] {
        number(signature[..<48]) + number(signature[48...]) + Array(repeating: 0, count: 368)
    }

    private static func signature(_ bytes: ArraySlice<UInt8>) throws(MalformedInput) -> [UInt8] {
        let bytes = Array(bytes)
        guard bytes[144...].allSatisfy({ $0 == 0 }) else {
            throw MalformedInput("the ID authentication", "has a signature that is longer than one on P-384")
        }
        return try coordinate(bytes[0..<72]) + coordinate(bytes[72..<144])
    }

    private static func number(_ bigEndian: ArraySlice<UInt8>) -> [UInt8] {
        bigEndian.reversed() + Array(repeating: 0, count: 24)
    }

    private static func coordinate(_ bytes: ArraySlice<UInt8>) throws(MalformedInput) -> [UInt8] {
        guard bytes.suffix(24).allSatisfy({ $0 == 0 }) else {
            throw MalformedInput("the ID authentication", "has a number that is longer than one on P-384")
        }
        return bytes.prefix(48).reversed()
    }
}

extension FixedWidthInteger {
    /// From little-endian bytes.
    fileprivate init(_ bytes: ArraySlice<UInt8>) { self = bytes.reversed().reduce(0) { $0 << 8 | Self($1) } }
}
