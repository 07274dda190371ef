import Bytes
import Evidence

/// A verifier's appraisal of each aspect of an attester.
///
/// Source: draft-ietf-rats-ar4si, section 2.3; the status is draft-ietf-rats-ear's.
struct TrustworthinessVector: Sendable, Hashable {
    /// The claims' names in the token, and their values; 0 is "not appraised".
    private(set) var claims: [ExactText: Int] = [
        "instance-identity": 0, "configuration": 0, "executables": 0, "file-system": 0, "hardware": 0,
        "runtime-opaque": 0, "storage-opaque": 0, "sourced-data": 0,
    ]

    enum Status: String, Sendable {
        case none, affirming, warning, contraindicated
    }

    /// - Parameters:
    ///   - policy: the guest policy.
    ///   - isKnownMeasurement: whether reference values have the guest's launch measurement.
    static func snp(_ policy: GuestPolicy, isKnownMeasurement: Bool) -> TrustworthinessVector {
        var vector = TrustworthinessVector()
        // The report is genuine, and the server's own conditions are met.
        vector.claims["hardware"] = 2
        // Memory is encrypted. But a host that may debug can read it (96), and one that may bind a migration agent
        // chooses who can (32), whether or not this server accepts such guests.
        let opacity = policy.contains(.debugAllowed) ? 96 : policy.contains(.migrationAgentAllowed) ? 32 : 2
        vector.claims["configuration"] = opacity
        vector.claims["runtime-opaque"] = opacity
        // 3: the booted software is approved. 33: it is not recognised. Never 0: a relying party that checks only the
        // status must not accept every guest on genuine hardware.
        vector.claims["executables"] = isKnownMeasurement ? 3 : 33
        return vector
    }

    /// 97: the verifier recognises no hardware.
    static var sample: TrustworthinessVector {
        var vector = TrustworthinessVector()
        vector.claims["hardware"] = 97
        return vector
    }

    /// The worst tier of all claims.
    var status: Status {
        switch claims.values.max() ?? 0 {
        case ..<2: .none
        case ..<32: .affirming
        case ..<96: .warning
        default: .contraindicated
        }
    }
}
