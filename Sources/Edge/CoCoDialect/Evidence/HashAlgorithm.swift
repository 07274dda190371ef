import Crypto

/// Hash algorithms that guests may use. SM3 is not supported.
enum HashAlgorithm: String, Sendable, CaseIterable {
    case sha384, sha512, sha256

    /// The protocol's default, if none was agreed on.
    static let usual = HashAlgorithm.sha384

    func digest(of bytes: [UInt8]) -> [UInt8] {
        switch self {
        case .sha256: Array(SHA256.hash(data: bytes))
        case .sha384: Array(SHA384.hash(data: bytes))
        case .sha512: Array(SHA512.hash(data: bytes))
        }
    }

    /// The digest in a field of `length` bytes: truncated, or padded with zeros.
    func digest(of bytes: [UInt8], filling length: Int) -> [UInt8] {
        let digest = digest(of: bytes).prefix(length)
        return digest + Array(repeating: 0, count: length - digest.count)
    }
}
