import Bytes
import Evidence
import FoundationEssentials

/// A challenge to a guest, before any hardware has answered.
///
/// The server stores nothing: the challenge travels in the session id, authenticated. See
/// docs/decisions/0001-sealed-challenges.md.
struct Challenge: Sendable, Hashable {
    /// 16 random bytes. The session is stored under this id; the nonce and the SEV channel's keys are derived from it.
    let id: [UInt8]
    /// In whole seconds.
    let expires: Date
    let subject: Subject

    /// The challenged guest.
    enum Subject: Sendable, Hashable {
        /// A guest that names its technology now, and the resources it wants later.
        case guest(GuestTEE)
        /// A workload's guest, attested by evidence of its own.
        case workload(Workload.Row, GuestTEE)
        /// A workload's SEV guest, over a channel to its platform.
        ///
        /// - Parameter denials: ``DenialStore/denyListMark`` from before the platform was verified, 8 bytes. The
        ///   certificate chain itself does not fit a session id, so any change of the deny list ends the challenge.
        case sev(Workload.Row, SEVFirmwareBuild, denials: [UInt8])
    }

    var tee: TEE {
        switch subject {
        case .guest(let tee), .workload(_, let tee): .evidence(tee)
        case .sev: .sev
        }
    }

    /// `nil` for a guest that names no workload.
    var workload: Workload.Row? {
        switch subject {
        case .guest: nil
        case .workload(let row, _), .sev(let row, _, _): row
        }
    }
}

extension Challenge {
    static func randomID() -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return generator.next().bigEndianBytes + generator.next().bigEndianBytes
    }

    /// The first four bytes of an id in hex, for logs: not enough to open a session.
    static func shortID(of id: [UInt8]) -> String { Hex.encode(id.prefix(4)) }

    /// The version of the format and of the authenticating key. A change of either gets another number.
    private static let version: UInt8 = 1

    /// version ‖ id ‖ expiry (seconds since 1970, u32) ‖ subject ‖ HMAC-SHA256, big-endian, as base64url without
    /// padding: at most 98 characters; clients have room for 99.
    func sealed(with keys: ServerKeys) -> String {
        var body: [UInt8] = [Self.version] + id
        body += UInt32(clamping: Int64(expires.timeIntervalSince1970)).bigEndianBytes
        switch subject {
        case .guest(let tee): body += [0, tee.code]
        case .workload(let row, let tee): body += [1, tee.code] + UInt64(bitPattern: row).bigEndianBytes
        case .sev(let row, let build, let denials):
            body += [2] + UInt64(bitPattern: row).bigEndianBytes + [build.major, build.minor, build.build] + denials
        }
        return SealedText.seal(body, with: keys)
    }

    /// - Parameter body: the authenticated bytes of a session id.
    /// - Returns: `nil` when another version wrote it. The caller checks the expiry.
    fileprivate init?(body: [UInt8]) {
        var cursor = ByteCursor(body, subject: "session id")
        func tee() throws(MalformedInput) -> GuestTEE {
            guard let tee = GuestTEE(code: try cursor.u8()) else {
                throw MalformedInput("session id", "its technology is not known")
            }
            return tee
        }
        func row() throws(MalformedInput) -> Workload.Row { Int64(bitPattern: try cursor.u64().byteSwapped) }
        do {
            guard try cursor.u8() == Self.version else { return nil }
            id = try cursor.take(16)
            expires = Date(timeIntervalSince1970: Double(try cursor.u32().byteSwapped))
            switch try cursor.u8() {
            case 0: subject = .guest(try tee())
            case 1:
                let tee = try tee()
                subject = .workload(try row(), tee)
            case 2:
                let row = try row()
                let build = SEVFirmwareBuild(
                    major: try cursor.u8(), minor: try cursor.u8(), build: try cursor.u8())
                subject = .sev(row, build, denials: try cursor.take(8))
            default: return nil
            }
            try cursor.finish()
        } catch {
            return nil
        }
    }
}

/// A challenge that a client sent back, with the keys that sealed it. Nonce and channel are derived from those keys,
/// also when others have become active since.
public struct OpenedChallenge: Sendable {
    /// The session id as the client sent it.
    public let sealed: String
    let challenge: Challenge
    let keys: ServerKeys

    /// Opens a session id that ``Challenge/sealed(with:)`` made under one of these keys.
    ///
    /// - Returns: `nil` for any other text. The caller checks the expiry.
    init?(sealed text: some StringProtocol, with held: HeldKeys) {
        guard let (body, keys) = SealedText.open(text, with: held), let challenge = Challenge(body: body) else {
            return nil
        }
        (sealed, self.challenge, self.keys) = (String(text), challenge, keys)
    }

    /// The nonce, 32 bytes: see ``ServerKeys/nonce(for:)``. A dialect uses as many of them as its clients expect.
    public var nonce: [UInt8] { keys.nonce(for: challenge.id) }

    /// Whether the challenge is for a workload's guest.
    public var isWorkloads: Bool { challenge.workload != nil }
}
