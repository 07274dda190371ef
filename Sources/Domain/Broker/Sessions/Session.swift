import Bytes
import Evidence
import Formats
public import FoundationEssentials

/// An attested session. There are no others: a challenge becomes a session when its answer is accepted.
public struct Session: Sendable, Hashable {
    public enum Holder: Sendable, Hashable {
        /// A guest whose evidence was accepted.
        case guest(AttestedGuest)
        /// The processor of an SEV guest's platform, to which the secret is encrypted.
        ///
        /// - Parameters:
        ///   - measurement: the keyed launch measurement, 32 bytes.
        ///   - denials: ``DenialStore/denyListMark`` when the platform was verified, 8 bytes.
        case platform(measurement: [UInt8], denials: [UInt8])
    }

    /// The challenge's id, 16 bytes: a challenge opens one session at most.
    public let id: [UInt8]
    /// `nil` for a guest that named none: the policy of each resource decides.
    public let workload: Workload.Row?
    public internal(set) var holder: Holder
    /// In whole seconds.
    public let opened: Date
    /// When the guest must attest again, in whole seconds.
    public let expires: Date

    init(id: [UInt8], workload: Workload.Row?, holder: Holder, opened: Date, expires: Date) {
        (self.id, self.workload, self.holder) = (id, workload, holder)
        func seconds(_ date: Date) -> Date {
            Date(timeIntervalSince1970: date.timeIntervalSince1970.rounded(.down))
        }
        (self.opened, self.expires) = (seconds(opened), seconds(expires))
    }

    public var guest: AttestedGuest? { if case .guest(let guest) = holder { guest } else { nil } }
}

extension Session {
    /// - Parameters:
    ///   - stored: a row whose code is verified.
    ///   - initData: the entries of the init data that it names.
    /// - Throws: when another version of the broker wrote it, in an unknown form.
    init(_ stored: StoredSession, initData: String = "") throws {
        let holder: Holder =
            if ExactText(stored.tee) == ExactText(TEE.sev.name) {
                try .platform(stored.claims)
            } else {
                .guest(
                    AttestedGuest(
                        id: stored.id, claims: try GuestClaims(json: stored.claims, initData: initData),
                        key: stored.key, expires: stored.expires, token: stored.token.isEmpty ? nil : stored.token))
            }
        self.init(
            id: stored.id, workload: stored.workload, holder: holder, opened: stored.opened, expires: stored.expires)
    }
}

extension Session.Holder {
    /// The JSON that is stored in place of a guest's claims; `nil` for a guest.
    var platformText: String? {
        guard case .platform(let measurement, let denials) = self else { return nil }
        return #"{"denials":"\#(Hex.encode(denials))","measurement":"\#(Hex.encode(measurement))"}"#
    }

    /// Reads ``platformText``.
    fileprivate static func platform(_ text: String) throws(MalformedInput) -> Self {
        let json = try JSON(Array(text.utf8))
        func bytes(_ name: String) throws(MalformedInput) -> [UInt8] {
            let member = try json.member(name)
            guard let bytes = Hex.decode(try member.text()) else { throw member.unfit("hex") }
            return bytes
        }
        return .platform(measurement: try bytes("measurement"), denials: try bytes("denials"))
    }
}
