import Broker
import Bytes
import Evidence
import FoundationEssentials

/// The columns of the domain's values, in both databases.
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

/// A bound on the stored certificates of one chip.
enum KeysOfChip {
    /// The most certificates of one chip. Its owner can obtain a genuine one for every possible TCB, and send them one
    /// by one.
    static let most = 64

    /// The range of the names of a chip's keys: from the first, up to the second, which is not part of it.
    ///
    /// - Parameter name: ``AMDDocument/name``, which ends in the TCB.
    /// - Returns: `nil` for other names. A VLEK is a cloud's, which does not give one to everybody.
    static func names(beside name: String) -> (from: String, to: String)? {
        guard name.hasPrefix("\(EndorsementKey.Kind.vcek.rawValue)/"), let end = name.lastIndex(of: "/") else {
            return nil
        }
        // The names that begin with the chip's: "0" follows "/" in ASCII.
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
    /// The number without its fraction; the largest or smallest value of the type for one that does not fit, such as
    /// from a damaged row.
    fileprivate init(bounding number: Double) {
        self = Int64(exactly: number.rounded(.towardZero)) ?? (number < 0 ? .min : .max)
    }
}
