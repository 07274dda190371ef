import Bytes
import Evidence
import FoundationEssentials

/// What a server wants answered, before hardware has answered it.
///
/// The server keeps nothing: all that it needs to know again travels in the session id, sealed.
/// See docs/decisions/0001-sealed-challenges.md.
struct Challenge: Sendable, Hashable {
    /// 16 random bytes: what the session is stored under, and all else is derived from.
    let id: [UInt8]
    /// In whole seconds.
    let expires: Date
    let subject: Subject

    /// Who is challenged.
    enum Subject: Sendable, Hashable {
        /// A guest that says what it is, and only later what it wants.
        case guest(GuestTEE)
        /// A workload's guest, which answers with evidence.
        case workload(Workload.Row, GuestTEE)
        /// A workload's SEV guest, over a channel to its platform.
        ///
        /// - Parameter denials: ``DenialStore/denyListMark`` before the platform was looked at, 8 bytes. The chain itself has
        ///   no room here: so a challenge is good for as long as nothing is denied beside.
        case sev(Workload.Row, SEVFirmwareBuild, denials: [UInt8])
    }

    var tee: TEE {
        switch subject {
        case .guest(let tee), .workload(_, let tee): .evidence(tee)
        case .sev: .sev
        }
    }

    /// `nil` for a guest that names none.
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

    /// The start of an id, for logs: it opens nothing.
    static func shortID(of id: [UInt8]) -> String { Hex.encode(id.prefix(4)) }

    /// Format and key of the seal. Another number follows when either changes.
    private static let version: UInt8 = 1

    /// version ‖ id ‖ expiry (seconds since 1970, u32) ‖ subject ‖ HMAC-SHA256, big-endian, as base64url without padding:
    /// at most 98 characters; clients have room for 99.
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

    /// - Parameter body: what a seal was over.
    /// - Returns: `nil` when another version wrote it. The expiry is left to the caller.
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

/// A challenge that came back, and the keys that it was sealed with: all that follows from it is derived from those,
/// whichever are active now.
public struct OpenedChallenge: Sendable {
    /// As it came back.
    public let sealed: String
    let challenge: Challenge
    let keys: ServerKeys

    /// Opens a session id that ``Challenge/sealed(with:)`` made under one of these keys.
    ///
    /// - Returns: `nil` for anything else. The expiry is left to the caller.
    init?(sealed text: some StringProtocol, with held: HeldKeys) {
        guard let (body, keys) = SealedText.open(text, with: held), let challenge = Challenge(body: body) else {
            return nil
        }
        (sealed, self.challenge, self.keys) = (String(text), challenge, keys)
    }

    /// 32 bytes that only this server can tell from the challenge. Dialects use as many as their clients know of.
    public var nonce: [UInt8] { keys.nonce(for: challenge.id) }

    /// Whether it was made for a workload's guest.
    public var isWorkloads: Bool { challenge.workload != nil }
}
