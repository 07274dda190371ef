/// A report's flags about its host, 64 bits. Source: AMD 56860, "PLATFORM_INFO".
public struct PlatformFeatures: OptionSet, Sendable, Hashable {
    public let rawValue: UInt64

    public init(rawValue: UInt64) { self.rawValue = rawValue }

    public static let smt = PlatformFeatures(rawValue: 1 << 0)
    /// Transparent memory encryption.
    public static let tsme = PlatformFeatures(rawValue: 1 << 1)
    /// Memory with error correction.
    public static let ecc = PlatformFeatures(rawValue: 1 << 2)
    public static let raplDisabled = PlatformFeatures(rawValue: 1 << 3)
    public static let ciphertextHiding = PlatformFeatures(rawValue: 1 << 4)
    /// The firmware has checked for memory modules that misreport their size (BadRAM).
    public static let aliasCheckComplete = PlatformFeatures(rawValue: 1 << 5)
}

extension PlatformFeatures {
    /// The features of `wanted` that are missing.
    public func missing(from wanted: PlatformFeatures) -> PlatformFeatures { wanted.subtracting(self) }

    /// The known features that are set, in words.
    public var names: [String] { Self.named.filter { contains($0.feature) }.map(\.name) }

    private static let named: [(feature: PlatformFeatures, name: String)] = [
        (.smt, "SMT"), (.tsme, "TSME"), (.ecc, "ECC"), (.raplDisabled, "RAPL disabled"),
        (.ciphertextHiding, "ciphertext hiding"), (.aliasCheckComplete, "alias check complete"),
    ]
}

/// The mitigation vectors of a host: one bit for each mitigation of its firmware that is in force. Reports have them
/// from version 5 on. Source: AMD 56860, LAUNCH_MIT_VECTOR and CURRENT_MIT_VECTOR.
public struct StatedMitigations: Sendable, Hashable {
    /// `nil`: not stated.
    public var current: UInt64?
    /// The vector at the guest's launch; `nil`: not stated.
    public var launch: UInt64?

    public init(current: UInt64? = nil, launch: UInt64? = nil) { (self.current, self.launch) = (current, launch) }
}
