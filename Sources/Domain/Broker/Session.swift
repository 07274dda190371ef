import Bytes
import Evidence
public import FoundationEssentials

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
    /// What else its evidence rests on, for the deny list: of SNP each key of the chain, 32 bytes; of SEV
    /// ``DenialStore/denyListMark``, 8 bytes, as it was when the platform was looked at.
    public let endorsers: [UInt8]
    /// In whole seconds.
    public let opened: Date
    /// In whole seconds.
    public let expires: Date
    /// Made by the broker over all of the above but when it was opened, and the workload as it was when the guest attested: a
    /// session that someone else wrote into the database, or moved to another workload, is none.
    public let code: [UInt8]
    /// The id of the master key that the code was made under: that of the challenge.
    public let masterKey: String

    public init(
        id: [UInt8], workload: Workload.Row, binding: Binding, chip: String, endorsers: [UInt8] = [], opened: Date,
        expires: Date, code: [UInt8], masterKey: String
    ) {
        self.id = id
        self.workload = workload
        self.binding = binding
        self.chip = chip
        self.endorsers = endorsers
        self.opened = opened
        self.expires = expires
        self.code = code
        self.masterKey = masterKey
    }
}

extension Session {
    /// A session that the broker opens: it gets its code here.
    init(
        opening challenge: OpenedChallenge, workload: Workload, binding: Binding, chip: String, endorsers: [UInt8],
        at time: Date, lifetime: TimeInterval
    ) {
        let (id, keys) = (challenge.challenge.id, challenge.keys)
        let opened = Date(timeIntervalSince1970: time.timeIntervalSince1970.rounded(.down))
        let expires = Date(
            timeIntervalSince1970: time.addingTimeInterval(lifetime).timeIntervalSince1970.rounded(.down))
        func session(_ code: [UInt8]) -> Session {
            Session(
                id: id, workload: workload.row, binding: binding, chip: chip, endorsers: endorsers, opened: opened,
                expires: expires, code: code, masterKey: keys.id)
        }
        self = session(keys.authenticationCode(for: session([]), of: workload))
    }

    /// What the code is over; every part has a length of its own or says it.
    var authenticatedBytes: [UInt8] {
        var bytes = id + UInt64(bitPattern: workload).bigEndianBytes
        let seconds = Int64(exactly: expires.timeIntervalSince1970.rounded(.down)) ?? .max
        bytes += UInt64(bitPattern: seconds).bigEndianBytes
        switch binding {
        case .rsa(let modulus, let exponent):
            bytes += [0] + UInt32(clamping: modulus.count).bigEndianBytes + modulus
            bytes += UInt32(clamping: exponent.count).bigEndianBytes + exponent
        case .sev(let measurement):
            bytes += [1] + UInt32(clamping: measurement.count).bigEndianBytes + measurement
        }
        let chip = Array(chip.utf8)
        bytes += UInt32(clamping: chip.count).bigEndianBytes + chip
        return bytes + UInt32(clamping: endorsers.count).bigEndianBytes + endorsers
    }
}
