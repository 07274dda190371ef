public import Foundation

/// A guest that hardware has vouched for. There is no other kind.
public struct Session: Sendable, Hashable {
    /// What the guest's secret is encrypted to.
    public enum Binding: Sendable, Hashable {
        /// An RSA public key, big-endian numbers.
        case rsa(modulus: [UInt8], exponent: [UInt8])
        /// The keyed launch measurement, 32 bytes, of an SEV guest: its secret goes to the platform's processor.
        case sev(measurement: [UInt8])
    }

    /// The challenge's id, 16 bytes: a challenge makes one session at most.
    public let id: [UInt8]
    public let workload: Workload.Row
    public let binding: Binding
    /// Names the chip, in hex. Empty when the host hides it.
    public let chip: String
    public let expires: Date

    public init(id: [UInt8], workload: Workload.Row, binding: Binding, chip: String, expires: Date) {
        self.id = id
        self.workload = workload
        self.binding = binding
        self.chip = chip
        self.expires = expires
    }
}
