import Bytes

/// The guest owner's restrictions on the host under SEV and SEV-ES, four bytes, fixed at launch.
///
/// Source: AMD 55766, "Guest Policy Structure".
public struct SEVLaunchPolicy: Sendable, Hashable {
    public struct Flags: OptionSet, Sendable, Hashable {
        public let rawValue: UInt16

        public init(rawValue: UInt16) { self.rawValue = rawValue }

        public static let noDebug = Flags(rawValue: 1)
        public static let noKeySharing = Flags(rawValue: 2)
        public static let esRequired = Flags(rawValue: 4)
        public static let noSend = Flags(rawValue: 8)
        public static let domain = Flags(rawValue: 16)
        public static let sevRequired = Flags(rawValue: 32)
    }

    public var flags: Flags
    /// Minimum version of the firmware's API.
    public var minimumFirmware: (major: UInt8, minor: UInt8) {
        get { (minimumMajor, minimumMinor) }
        set { (minimumMajor, minimumMinor) = newValue }
    }
    private var minimumMajor: UInt8
    private var minimumMinor: UInt8

    /// The default of a workload without a stated policy: debugging and key sharing forbidden, SEV-ES required.
    public static let unstated = SEVLaunchPolicy(flags: [.noDebug, .noKeySharing, .esRequired])

    public init(flags: Flags, minimumFirmware: (major: UInt8, minor: UInt8) = (0, 0)) {
        self.flags = flags
        (minimumMajor, minimumMinor) = minimumFirmware
    }

    /// Flags (u16, little-endian), major, minor.
    public var bytes: [UInt8] { flags.rawValue.littleEndianBytes + [minimumMajor, minimumMinor] }
}

/// The version of a platform's SEV firmware.
public struct SEVFirmwareBuild: Sendable, Hashable {
    public let major: UInt8
    public let minor: UInt8
    public let build: UInt8

    public init(major: UInt8, minor: UInt8, build: UInt8) {
        self.major = major
        self.minor = minor
        self.build = build
    }
}
