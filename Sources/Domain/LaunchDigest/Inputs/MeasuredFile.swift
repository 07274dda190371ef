public import Crypto

/// A file that is part of a launch digest, by hash and size.
public struct MeasuredFile: Sendable, Hashable {
    public let sha256: SHA256Digest
    /// In bytes.
    public let size: Int

    /// - Parameter sha256: for a file that is hashed in parts.
    public init(sha256: SHA256Digest, size: Int) { (self.sha256, self.size) = (sha256, size) }

    public init(_ bytes: some Collection<UInt8>) {
        self.init(sha256: SHA256.hash(data: bytes), size: bytes.count)
    }
}

/// The inputs of a launch digest: its provenance.
public struct LaunchInputs: Sendable, Hashable {
    public let firmware: MeasuredFile
    public let kernel: MeasuredFile?
    public let initrd: MeasuredFile?
    /// nil when it is not part of the digest.
    public let commandLine: String?
}
