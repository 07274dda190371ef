import Broker
import Bytes
import Evidence
import FoundationEssentials

/// How the domain's values are kept in columns, in any database.
extension Launch {
    /// - Returns: `nil` for an unknown technology.
    init?(technology: ExactText, digest: [UInt8], guestPolicy: Int64, policy: PolicyName?) {
        switch (technology, policy) {
        case ("snp", nil):
            self = .snp(measurement: digest, policy: GuestPolicy(rawValue: UInt64(bitPattern: guestPolicy)))
        case ("sev", nil): self = .sev(digest: digest, policy: SEVLaunchPolicy(column: guestPolicy))
        case ("policy", let policy?): self = .policy(policy)
        default: return nil
        }
    }

    var guestPolicyColumn: Int64 {
        switch self {
        case .policy: 0
        case .snp(_, let policy): Int64(bitPattern: policy.rawValue)
        case .sev(_, let policy):
            Int64(policy.flags.rawValue) | Int64(policy.minimumFirmware.major) << 16
                | Int64(policy.minimumFirmware.minor) << 24
        }
    }
}

extension SEVLaunchPolicy {
    fileprivate init(column: Int64) {
        self.init(
            flags: Flags(rawValue: UInt16(truncatingIfNeeded: column)),
            minimumFirmware: (UInt8(truncatingIfNeeded: column >> 16), UInt8(truncatingIfNeeded: column >> 24)))
    }
}

/// Bounds on what a chip's owner can have kept.
enum KeysOfChip {
    /// Whoever owns a chip can have a genuine key's certificate for each TCB that there ever could be, and offer them
    /// one by one.
    static let most = 64

    /// The names of a chip's keys: from the first, up to the second and without it.
    ///
    /// - Parameter name: ``AMDDocument/name``, which ends in the TCB.
    /// - Returns: `nil` for what is no chip's. A VLEK is a cloud's, who does not give one to everybody.
    static func names(beside name: String) -> (from: String, to: String)? {
        guard name.hasPrefix("\(EndorsementKey.Kind.vcek.rawValue)/"), let end = name.lastIndex(of: "/") else {
            return nil
        }
        // Names that begin with the chip's: "0" comes after "/".
        return (String(name[...end]), name[..<end] + "0")
    }
}

extension Date {
    var seconds: Int64 { Int64(bounding: timeIntervalSince1970) }

    var milliseconds: Int64 { Int64(bounding: (timeIntervalSince1970 * 1_000).rounded(.down)) }

    init(milliseconds: Int64) { self.init(timeIntervalSince1970: Double(milliseconds) / 1_000) }

    init(seconds: Int64) { self.init(timeIntervalSince1970: Double(seconds)) }
}

extension Int64 {
    /// Without what is behind the point. A number that is too large for this type, as a damaged row may have led to, is
    /// its last or first one.
    fileprivate init(bounding number: Double) {
        self = Int64(exactly: number.rounded(.towardZero)) ?? (number < 0 ? .min : .max)
    }
}
