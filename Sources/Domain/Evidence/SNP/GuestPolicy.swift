/// The guest owner's permissions for the host, 64 bits, fixed at launch and signed in the report.
///
/// Source: AMD 56860, "Guest Policy".
public struct GuestPolicy: Sendable, Hashable, RawRepresentable {
    public let rawValue: UInt64

    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// The default of a workload without a stated policy: SMT is allowed, as most hosts need; debugging and migration
    /// are not.
    public static let unstated: GuestPolicy = [.smtAllowed, .reservedOne]

    /// Bits that permit more to the host: a guest may have only those that are registered.
    public static let permissions: GuestPolicy = [.smtAllowed, .migrationAgentAllowed, .debugAllowed, .cxlAllowed]
    /// Bits that require more of the host: a guest must have all that are registered.
    public static let restrictions: GuestPolicy = [
        .singleSocket, .memoryAES256XTS, .raplDisabled, .ciphertextHiding, .pageSwapDisabled,
    ]

    /// Minimum version of the firmware's ABI.
    public var abiMajor: UInt8 { UInt8(truncatingIfNeeded: rawValue >> 8) }
    public var abiMinor: UInt8 { UInt8(truncatingIfNeeded: rawValue) }

    /// Whether the reserved bits have the ABI's values: bit 17 is one, those above 25 are zero.
    public var isWellFormed: Bool { contains(.reservedOne) && rawValue >> 26 == 0 }

    /// The excess of this policy over `registered`, in words; empty if it is no wider.
    public func excess(over registered: GuestPolicy) -> [String] {
        let added = intersection(.permissions).subtracting(registered)
        let dropped = registered.intersection(.restrictions).subtracting(self)
        var excess = Self.names.filter { added.contains($0.bit) }.map { "\($0.name) is on" }
        excess += Self.names.filter { dropped.contains($0.bit) }.map { "\($0.name) is off" }
        if (abiMajor, abiMinor) < (registered.abiMajor, registered.abiMinor) {
            excess.append("its least firmware ABI is \(abiMajor).\(abiMinor)")
        }
        return excess
    }

    /// The permissions and restrictions that are set, in words.
    public var words: [String] { Self.names.filter { contains($0.bit) }.map(\.name) }

    private static let names: [(bit: GuestPolicy, name: String)] = [
        (.smtAllowed, "SMT allowed"), (.migrationAgentAllowed, "migration agent allowed"),
        (.debugAllowed, "debug allowed"), (.cxlAllowed, "CXL allowed"), (.singleSocket, "single socket required"),
        (.memoryAES256XTS, "AES-256-XTS required"), (.raplDisabled, "RAPL disabled"),
        (.ciphertextHiding, "ciphertext hiding"), (.pageSwapDisabled, "page swap disabled"),
    ]
}

extension GuestPolicy: OptionSet {
    public static let smtAllowed = GuestPolicy(rawValue: 1 << 16)
    /// Bit 17, which is always one.
    public static let reservedOne = GuestPolicy(rawValue: 1 << 17)
    public static let migrationAgentAllowed = GuestPolicy(rawValue: 1 << 18)
    public static let debugAllowed = GuestPolicy(rawValue: 1 << 19)
    public static let singleSocket = GuestPolicy(rawValue: 1 << 20)
    public static let cxlAllowed = GuestPolicy(rawValue: 1 << 21)
    public static let memoryAES256XTS = GuestPolicy(rawValue: 1 << 22)
    public static let raplDisabled = GuestPolicy(rawValue: 1 << 23)
    public static let ciphertextHiding = GuestPolicy(rawValue: 1 << 24)
    public static let pageSwapDisabled = GuestPolicy(rawValue: 1 << 25)
}
