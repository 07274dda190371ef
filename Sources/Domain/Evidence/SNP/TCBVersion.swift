/// The firmware versions in a report or certificate.
///
/// Written as two-digit decimals from the lowest component up, as in the file names of offline stores: `03.00.08.115`
/// is boot loader 3, TEE 0, SNP 8, microcode 115. Turin puts its FMC first.
public struct TCBVersion: Sendable, Hashable, CustomStringConvertible {
    /// Flexible memory controller firmware; Turin only.
    public let fmc: UInt8?
    public let bootLoader: UInt8
    public let tee: UInt8
    public let snp: UInt8
    public let microcode: UInt8

    public init(fmc: UInt8? = nil, bootLoader: UInt8, tee: UInt8, snp: UInt8, microcode: UInt8) {
        self.fmc = fmc
        self.bootLoader = bootLoader
        self.tee = tee
        self.snp = snp
        self.microcode = microcode
    }

    /// Parses the text form.
    ///
    /// - Returns: `nil` unless it has four numbers of 0–255 (five for Turin).
    public init?(_ text: some StringProtocol, product: Product) {
        var numbers = text.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }[...]
        guard numbers.count == (product == .turin ? 5 : 4) else { return nil }
        let fmc = product == .turin ? numbers.removeFirst() : nil
        let components = numbers.compactMap { $0 }
        guard components.count == 4, product != .turin || fmc != nil else { return nil }
        self.init(
            fmc: fmc, bootLoader: components[0], tee: components[1], snp: components[2], microcode: components[3])
    }

    /// Parses the text form without a known product: five numbers are Turin's.
    public init?(_ text: some StringProtocol) {
        self.init(text, product: text.split(separator: ".").count == 5 ? .turin : .genoa)
    }

    /// Whether no component is lower than the other's. This is a partial order: each of two versions may fail it
    /// against the other.
    public func isAtLeast(_ other: TCBVersion) -> Bool {
        fmc ?? 0 >= other.fmc ?? 0 && bootLoader >= other.bootLoader && tee >= other.tee && snp >= other.snp
            && microcode >= other.microcode
    }

    public var description: String {
        ((fmc.map { [$0] } ?? []) + [bootLoader, tee, snp, microcode])
            .map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(separator: ".")
    }
}

/// A TCB version in a report: 8 bytes whose layout depends on the product.
public struct RawTCBVersion: Sendable, Hashable {
    /// Least significant byte first, as in the report.
    public let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Encodes a version in `product`'s layout.
    public init(_ version: TCBVersion, product: Product) {
        bytes =
            product == .turin
            ? [version.fmc ?? 0, version.bootLoader, version.tee, version.snp, 0, 0, 0, version.microcode]
            : [version.bootLoader, version.tee, 0, 0, 0, 0, version.snp, version.microcode]
    }

    /// The version in `product`'s layout. Source: AMD 56860, "TCB_VERSION".
    public func version(of product: Product) -> TCBVersion {
        product == .turin
            ? TCBVersion(fmc: bytes[0], bootLoader: bytes[1], tee: bytes[2], snp: bytes[3], microcode: bytes[7])
            : TCBVersion(bootLoader: bytes[0], tee: bytes[1], snp: bytes[6], microcode: bytes[7])
    }

    /// The bytes reserved by `product`; zero in every known version.
    func reserved(of product: Product) -> ArraySlice<UInt8> { product == .turin ? bytes[4..<7] : bytes[2..<6] }
}
