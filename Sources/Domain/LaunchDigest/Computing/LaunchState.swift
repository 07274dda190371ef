import Bytes
public import Crypto

/// Memory that a VMM adds to a guest in one step, and the launch digest after it.
public struct LaunchRegion: Sendable, Hashable {
    /// A named part of the contents: a register of a VMSA, a hash.
    public struct Detail: Sendable, Hashable {
        public let name: String
        public let value: String
    }

    /// The region's name for people, e.g. "SEC_MEM" or "VMSA of vCPU 0".
    public let name: String
    /// SEV-SNP's page type, named as in AMD 56860; nil for SEV and SEV-ES, which do not measure types and addresses.
    public let pageType: String?
    /// Guest-physical; nil for SEV and SEV-ES.
    public let address: UInt64?
    /// In bytes.
    public let size: Int
    /// SHA-384 of the contents; nil where only type and address are measured.
    public let contents: SHA384Digest?
    /// The named parts of the contents.
    public let details: [Detail]
    /// The launch digest, had the launch ended here.
    public let digestAfter: [UInt8]
}

/// A running launch digest. A copy continues independently.
struct LaunchState: Sendable {
    private enum Digest: Sendable {
        /// SEV-SNP: 48 bytes, initially zeros.
        case snp([UInt8])
        case sev(SHA256)
    }

    private var state: Digest
    private(set) var regions: [LaunchRegion] = []

    init(_ technology: SEVTechnology) {
        state = technology == .snp ? .snp([UInt8](repeating: 0, count: 48)) : .sev(SHA256())
    }

    var digest: [UInt8] {
        switch state {
        case .snp(let digest): digest
        case .sev(let hash): Array(hash.finalize())
        }
    }

    /// Adds memory whose contents are measured: whole pages under SEV-SNP.
    mutating func add(
        _ name: String, _ kind: Page.Kind = .normal, at address: UInt64, _ bytes: [UInt8],
        details: [LaunchRegion.Detail] = []
    ) {
        switch state {
        case .snp(var digest):
            for offset in stride(from: 0, to: bytes.count, by: Page.size) {
                let page = bytes[offset..<min(offset + Page.size, bytes.count)]
                Self.extend(&digest, kind, at: address + UInt64(offset), SHA384.hash(data: page))
            }
            state = .snp(digest)
        case .sev(var hash):
            hash.update(data: bytes)
            state = .sev(hash)
        }
        append(name, kind, address, bytes.count, SHA384.hash(data: bytes), details)
    }

    /// Adds pages of which only type and address are measured. SEV-SNP only: otherwise nothing is added.
    mutating func addPages(_ name: String, _ kind: Page.Kind, at address: UInt64, size: UInt64) {
        guard case .snp(var digest) = state else { return }
        for offset in stride(from: 0, to: size, by: Page.size) {
            Self.extend(&digest, kind, at: address + offset, Self.notMeasured)
        }
        state = .snp(digest)
        append(name, kind, address, Int(size), nil, [])
    }

    /// Adds one VMSA for each vCPU.
    mutating func addVMSAs(_ vcpus: Range<Int>, at address: UInt64, _ page: FieldPage) {
        guard let first = vcpus.first, let last = vcpus.last else { return }
        let contents = SHA384.hash(data: page.bytes)
        switch state {
        case .snp(var digest):
            for _ in vcpus { Self.extend(&digest, .vmsa, at: address, contents) }
            state = .snp(digest)
        case .sev(var hash):
            for _ in vcpus { hash.update(data: page.bytes) }
            state = .sev(hash)
        }
        let name = first == last ? "VMSA of vCPU \(first)" : "VMSAs of vCPUs \(first)-\(last)"
        append(name, .vmsa, address, vcpus.count * Page.size, contents, page.details)
    }

    private mutating func append(
        _ name: String, _ kind: Page.Kind, _ address: UInt64, _ size: Int, _ contents: SHA384Digest?,
        _ details: [LaunchRegion.Detail]
    ) {
        var isSNP = false
        if case .snp = state { isSNP = true }
        regions.append(
            LaunchRegion(
                name: name, pageType: isSNP ? kind.name : nil, address: isSNP ? address : nil, size: size,
                contents: contents, details: details, digestAfter: digest))
    }

    private static let notMeasured = [UInt8](repeating: 0, count: 48)

    /// `DIGEST_CUR` ‖ `CONTENTS` ‖ length ‖ type ‖ IMI page and VMPL permissions, all zero ‖ address. Source: AMD
    /// 56860, "PAGE_INFO".
    private static func extend(
        _ digest: inout [UInt8], _ kind: Page.Kind, at address: UInt64, _ contents: some Collection<UInt8>
    ) {
        digest.reserveCapacity(0x70)
        digest += contents
        digest += [0x70, 0, kind.rawValue, 0, 0, 0, 0, 0]
        digest += address.littleEndianBytes
        digest = Array(SHA384.hash(data: digest))
    }
}
