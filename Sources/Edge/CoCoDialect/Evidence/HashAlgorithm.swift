import Crypto

/// Digests that guests may use. SM3 is none of them.
enum HashAlgorithm: String, Sendable, CaseIterable {
    case sha384, sha512, sha256

    /// What a guest uses that is told nothing.
    static let usual = HashAlgorithm.sha384

    func digest(of bytes: [UInt8]) -> [UInt8] {
        switch self {
        case .sha256: Array(SHA256.hash(data: bytes))
        case .sha384: Array(SHA384.hash(data: bytes))
        case .sha512: Array(SHA512.hash(data: bytes))
        }
    }

    /// The digest in a field of another length: cut, or with zeros after it.
    func digest(of bytes: [UInt8], filling length: Int) -> [UInt8] {
        let digest = digest(of: bytes).prefix(length)
        return digest + Array(repeating: 0, count: length - digest.count)
    }
}
