import Bytes
import Evidence

/// What a verifier thinks of each side of an attester.
///
/// Source: draft-ietf-rats-ar4si, section 2.3; the status is draft-ietf-rats-ear's.
struct TrustworthinessVector: Sendable, Hashable {
    /// Names by which claims go into the token, and their values. What was not looked at is 0.
    private(set) var claims: [ExactText: Int] = [
        "instance-identity": 0, "configuration": 0, "executables": 0, "file-system": 0, "hardware": 0,
        "runtime-opaque": 0, "storage-opaque": 0, "sourced-data": 0,
    ]

    enum Status: String, Sendable {
        case none, affirming, warning, contraindicated
    }

    /// - Parameters:
    ///   - policy: what the guest lets its host do.
    ///   - isKnownMeasurement: whether reference values have the guest's launch measurement.
    static func snp(_ policy: GuestPolicy, isKnownMeasurement: Bool) -> TrustworthinessVector {
        var vector = TrustworthinessVector()
        // The report is genuine, and what the server asks of every guest holds.
        vector.claims["hardware"] = 2
        // Memory is encrypted; but a host that may debug reads it all the same (96), and one that may have it migrated
        // chooses who does (32), whether or not this server lets such guests in.
        let opacity = policy.contains(.debugAllowed) ? 96 : policy.contains(.migrationAgentAllowed) ? 32 : 2
        vector.claims["configuration"] = opacity
        vector.claims["runtime-opaque"] = opacity
        // 3: what booted is approved. 33: it is not recognised. Never nothing: a relying party that looks at the status only
        // must not take any guest on genuine hardware for a good one.
        vector.claims["executables"] = isKnownMeasurement ? 3 : 33
        return vector
    }

    /// 97: there is no hardware that the verifier recognises.
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
