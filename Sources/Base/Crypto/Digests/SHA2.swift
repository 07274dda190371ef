/// SHA-256. Source: FIPS 180-4.
public struct SHA256: HashFunction {
    public static let byteCount = 32
    public static let algorithm = HashAlgorithm(Fetched.sha256)
    public var state: HashState
    public init(resuming state: HashState) { self.state = state }
}

/// SHA-384. Source: FIPS 180-4.
public struct SHA384: HashFunction {
    public static let byteCount = 48
    public static let algorithm = HashAlgorithm(Fetched.sha384)
    public var state: HashState
    public init(resuming state: HashState) { self.state = state }
}

/// SHA-512. Source: FIPS 180-4.
public struct SHA512: HashFunction {
    public static let byteCount = 64
    public static let algorithm = HashAlgorithm(Fetched.sha512)
    public var state: HashState
    public init(resuming state: HashState) { self.state = state }
}

public typealias SHA256Digest = DigestOf<SHA256>
public typealias SHA384Digest = DigestOf<SHA384>
