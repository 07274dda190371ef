public import Bytes
import Crypto

/// A chip, or a key of the chain that endorses its reports. An operator can deny it.
public enum Endorser: Sendable, Hashable, CustomStringConvertible {
    /// As reports name it: 64 bytes, Turin's 8. An SEV chip is named by its CEK: the key's fingerprint, 32 bytes.
    case chip([UInt8])
    /// SHA-256 of a public key, as a SubjectPublicKeyInfo in DER: 32 bytes. It stays the same when the key's
    /// certificate is issued again or re-encoded.
    case key([UInt8])

    /// - Parameter chip: a CHIP_ID, of which Turin fills 8 bytes, or the fingerprint of a CEK's key.
    public init(chip: [UInt8]) {
        self = .chip(chip.count == 64 && chip.dropFirst(8).isAllZero ? Array(chip.prefix(8)) : chip)
    }

    /// Reads an operator's input.
    ///
    /// - Throws: ``MalformedInput`` if it is not the name of a chip or key.
    public init(_ kind: Kind, hex: some StringProtocol) throws(MalformedInput) {
        guard let bytes = Hex.decode(hex) else { throw MalformedInput(kind.rawValue, "it is not hex") }
        switch kind {
        case .chip:
            guard [8, 32, 64].contains(bytes.count) else {
                throw MalformedInput(
                    "chip", "it has \(bytes.count) bytes: 64 on Milan and Genoa, 8 on Turin, 32 for an SEV chip's CEK")
            }
            guard !bytes.isAllZero else { throw MalformedInput("chip", "zeros stand for a chip that the host hides") }
            self.init(chip: bytes)
        case .key:
            guard bytes.count == 32 else {
                throw MalformedInput("key", "it has \(bytes.count) bytes and a SHA-256 has 32")
            }
            self = .key(bytes)
        }
    }

    /// Reads ``name``.
    public init?(name: some StringProtocol) {
        let parts = name.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let kind = Kind(exactly: String(parts[0])),
            let endorser = try? Endorser(kind, hex: parts[1])
        else { return nil }
        self = endorser
    }

    public enum Kind: String, Sendable, Hashable, CaseIterable { case chip, key }

    public var kind: Kind {
        switch self {
        case .chip: .chip
        case .key: .key
        }
    }

    public var bytes: [UInt8] {
        switch self {
        case .chip(let bytes), .key(let bytes): bytes
        }
    }

    /// `chip/` or `key/`, and hex.
    public var name: String { "\(kind.rawValue)/\(Hex.encode(bytes))" }

    public var description: String { "\(kind.rawValue) \(Hex.encode(bytes))" }
}

extension Endorser {
    /// The key of the one certificate in a file: X.509 in PEM or DER, or one of SEV's own form.
    ///
    /// - Throws: ``MalformedInput`` when there is none, or more than one.
    public static func key(ofCertificate file: [UInt8]) throws(MalformedInput) -> Endorser {
        if file.count == SEVCertificate.size, let certificate = try? SEVCertificate(bytes: file) {
            guard let fingerprint = certificate.publicKeyFingerprint else {
                throw MalformedInput("SEV certificate", "its key is not a point of P-256 or P-384")
            }
            return .key(fingerprint)
        }
        if let authority = try? SEVCACertificate(bytes: file), let fingerprint = authority.publicKeyFingerprint {
            return .key(fingerprint)
        }
        let certificates = try Certificate.read(file: file)
        guard let certificate = certificates.first, certificates.count == 1 else {
            throw MalformedInput(
                "certificate", "the file holds \(certificates.count): put the one that is meant into a file of its own")
        }
        return .key(certificate.publicKeyFingerprint)
    }
}

/// Whether an operator has denied an endorser.
public typealias DenyList = @Sendable (Endorser) -> Bool

extension Verdict {
    /// The verdict on an SEV-SNP guest whose chip or key was denied after its evidence was accepted.
    public init(snpDenied endorser: Endorser) {
        var list = CheckList()
        list.checkDenial(.snpDenied, of: [endorser]) { _ in true }
        self.init(list)
    }
}

extension CheckList {
    /// Checks that no endorser is denied: evidence of a denied one proves nothing.
    mutating func checkDenial(_ name: Check.Name, of endorsers: [Endorser], by denies: (Endorser) -> Bool) {
        let denied = endorsers.first(where: denies)
        check(
            name, expected: .text("a chip and keys that no operator has denied"),
            found: .text(denied.map { "\($0), which is denied" } ?? "not denied"), denied == nil,
            advice: denied?.kind == .key
                ? "The operator has denied a key that vouches for this guest's host: have the host renew it, or ask why."
                : "The operator has denied the chip that this guest runs on: launch it on another host, or ask why.")
    }
}

extension Endorser {
    /// The size of a key's fingerprint in bytes.
    private static let keySize = 32

    /// The stored form of keys, in claims.
    public static func bytes(of keys: [Endorser]) -> [UInt8] { keys.flatMap(\.bytes) }

    /// Reads ``bytes(of:)``.
    public static func keys(_ bytes: [UInt8]) -> [Endorser] {
        stride(from: 0, to: bytes.count, by: keySize).map { .key(Array(bytes[$0..<min($0 + keySize, bytes.count)])) }
    }
}
