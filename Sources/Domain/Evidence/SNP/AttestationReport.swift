public import Bytes

/// An SEV-SNP attestation report, as signed by the AMD secure processor.
///
/// Parsing proves nothing: every field is a claim until ``SNPEvidence`` has verified it. Source: AMD 56860, table
/// "ATTESTATION_REPORT", 0x4A0 bytes, little-endian.
public struct AttestationReport: Sendable, Hashable {
    /// 1,184 bytes.
    public static let size = 0x4A0
    static let signatureOffset = 0x2A0
    /// The versions with a known layout; 4 has the layout of 3.
    public static let knownVersions: [UInt32] = [2, 3, 4, 5]

    /// The kind of key that the firmware signed with.
    public enum SigningKey: Sendable, Hashable {
        case vcek, vlek, none
        case unknown(UInt8)
    }

    /// The report's statement about its processor.
    enum ProductClaim: Sendable, Hashable {
        /// Version 2 reports have no such field.
        case unstated
        case product(Product)
        case unknown(family: UInt8, model: UInt8)
    }

    /// The whole report.
    public let bytes: [UInt8]
    public let version: UInt32
    /// The guest's security version: chosen by its owner and signed in an ID block.
    public let guestSVN: UInt32
    public let policy: GuestPolicy
    /// 16 bytes, from the ID block; zero without one.
    public let familyID: [UInt8]
    public let imageID: [UInt8]
    /// 0–3, or 0xFFFFFFFF if the host requested the report.
    public let vmpl: UInt32
    /// 1 is ECDSA P-384 with SHA-384.
    public let signatureAlgorithm: UInt32
    public let currentTCB: RawTCBVersion
    public let platformInfo: UInt64
    /// Bit 0 author key enabled, 1 mask chip key, 4:2 signing key.
    let keyInfo: UInt32
    /// 64 bytes chosen by the guest.
    public let reportData: [UInt8]
    /// The guest's launch digest: SHA-384 over the initial memory and VMSAs, 48 bytes.
    public let measurement: [UInt8]
    /// 32 bytes chosen by the host at launch.
    public let hostData: [UInt8]
    public let idKeyDigest: [UInt8]
    public let authorKeyDigest: [UInt8]
    /// Identifies the guest's launch: 32 random bytes, chosen by the firmware.
    public let reportID: [UInt8]
    /// The TCB that the signing certificate is for.
    public let reportedTCB: RawTCBVersion
    let productClaim: ProductClaim
    /// 64 bytes; all zero if the host masks it.
    public let chipID: [UInt8]
    public let committedTCB: RawTCBVersion
    /// Firmware build, minor, major.
    let currentFirmware: [UInt8]
    let committedFirmware: [UInt8]
    public let launchTCB: RawTCBVersion
    /// Stated from version 5 on.
    public let mitigations: StatedMitigations
    let signature: ReportSignature
    /// The offsets of reserved bytes that are not zero.
    let dirtyReservedOffsets: [Int]

    /// Parses a report of exactly 1,184 bytes.
    ///
    /// - Throws: ``MalformedInput`` for any other length. The verifier checks the contents.
    public init(bytes: [UInt8]) throws(MalformedInput) {
        guard bytes.count == Self.size else {
            throw MalformedInput("SNP report", "it has \(bytes.count) bytes where a report has \(Self.size)")
        }
        self.bytes = bytes
        var reserved = ReservedBytes()
        var cursor = ByteCursor(bytes, subject: "SNP report")

        version = try cursor.u32()
        guestSVN = try cursor.u32()
        policy = GuestPolicy(rawValue: try cursor.u64())
        familyID = try cursor.take(16)
        imageID = try cursor.take(16)
        vmpl = try cursor.u32()
        signatureAlgorithm = try cursor.u32()
        currentTCB = RawTCBVersion(try cursor.take(8))
        platformInfo = try cursor.u64()
        keyInfo = try cursor.u32()
        reserved.note(try cursor.take(4), at: 0x4C)
        reportData = try cursor.take(64)
        measurement = try cursor.take(48)
        hostData = try cursor.take(32)
        idKeyDigest = try cursor.take(48)
        authorKeyDigest = try cursor.take(48)
        reportID = try cursor.take(32)
        try cursor.skip(32)  // REPORT_ID_MA
        reportedTCB = RawTCBVersion(try cursor.take(8))
        let (family, model) = (try cursor.u8(), try cursor.u8())
        let stepping = try cursor.u8()
        if version >= 3 {
            productClaim =
                Product(family: family, model: model).map { .product($0) } ?? .unknown(family: family, model: model)
        } else {
            productClaim = .unstated
            reserved.note([family, model, stepping], at: 0x188)
        }
        reserved.note(try cursor.take(21), at: 0x18B)
        chipID = try cursor.take(64)
        committedTCB = RawTCBVersion(try cursor.take(8))
        currentFirmware = try cursor.take(3)
        reserved.note(try cursor.take(1), at: 0x1EB)
        committedFirmware = try cursor.take(3)
        reserved.note(try cursor.take(1), at: 0x1EF)
        launchTCB = RawTCBVersion(try cursor.take(8))
        let (launchMitigations, currentMitigations) = (try cursor.u64(), try cursor.u64())
        if version >= 5 {
            mitigations = StatedMitigations(current: currentMitigations, launch: launchMitigations)
        } else {
            mitigations = StatedMitigations()
            reserved.note(launchMitigations.littleEndianBytes + currentMitigations.littleEndianBytes, at: 0x1F8)
        }
        reserved.note(try cursor.take(152), at: 0x208)
        try cursor.skip(Self.size - Self.signatureOffset)
        try cursor.finish()
        signature = ReportSignature(bytes[Self.signatureOffset...])
        dirtyReservedOffsets = reserved.dirty
    }

    /// The bytes that the signature covers: 0x000..<0x2A0.
    var signedBytes: ArraySlice<UInt8> { bytes[..<Self.signatureOffset] }

    /// The kind of signing key, as the firmware states it.
    public var signingKey: SigningKey {
        switch UInt8(truncatingIfNeeded: keyInfo >> 2 & 0b111) {
        case 0: .vcek
        case 1: .vlek
        case 7: .none
        case let other: .unknown(other)
        }
    }

    /// The chip, if the report names one. The key-mask bit alone does not hide it.
    public var namedChip: [UInt8]? { chipID.isAllZero ? nil : chipID }

    /// Whether the host hides the chip: by the key-mask bit, or by a CHIP_ID of zeros.
    public var isChipMasked: Bool { keyInfo & 0b10 != 0 || chipID.isAllZero }

    /// The product that the report names; `nil` in version 2.
    public var product: Product? {
        if case .product(let product) = productClaim { product } else { nil }
    }

    /// The chip id of `product`: 64 bytes, 8 on Turin.
    public func hardwareID(of product: Product) -> [UInt8] { Array(chipID.prefix(product.chipIDLength)) }
}

private struct ReservedBytes {
    var dirty: [Int] = []

    mutating func note(_ bytes: [UInt8], at offset: Int) {
        for (index, byte) in bytes.enumerated() where byte != 0 { dirty.append(offset + index) }
    }
}
