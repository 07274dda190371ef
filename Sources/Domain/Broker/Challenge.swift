import Bytes
import Evidence
import FoundationEssentials

/// What a server wants answered, before hardware has answered it.
///
/// The server keeps nothing: all that it needs to know again travels in the session id, sealed.
/// See docs/decisions/0001-sealed-challenges.md.
public struct Challenge: Sendable, Hashable {
    /// 16 random bytes: what the session is stored under, and all else is derived from.
    let id: [UInt8]
    /// In whole seconds.
    let expires: Date
    let workload: Workload.Row
    let detail: Detail

    /// What the technology needs to know again.
    enum Detail: Sendable, Hashable {
        case snp
        /// - Parameter denials: ``DenialStore/denyListMark`` before the platform was looked at, 8 bytes. The chain itself has
        ///   no room here: so a challenge is good for as long as nothing is denied beside.
        case sev(SEVFirmwareBuild, denials: [UInt8])
    }

    var tee: TEE {
        switch detail {
        case .snp: .snp
        case .sev: .sev
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

    var shortID: String { Self.shortID(of: id) }

    /// Format and key of the seal. Another number follows when either changes.
    private static let version: UInt8 = 1

    /// version ‖ id ‖ expiry (seconds since 1970, u32) ‖ workload row (i64) ‖ technology ‖ detail ‖ HMAC-SHA256,
    /// big-endian, as base64url without padding: 83 characters for SNP, 98 for SEV; clients have room for 99.
    func sealed(with keys: ServerKeys) -> String {
        var body: [UInt8] = [Self.version] + id
        body += UInt32(clamping: Int64(expires.timeIntervalSince1970)).bigEndianBytes
        body += UInt64(bitPattern: workload).bigEndianBytes
        switch detail {
        case .snp: body += [0]
        case .sev(let build, let denials): body += [1, build.major, build.minor, build.build] + denials
        }
        return SealedText.seal(body, for: .workload, with: keys)
    }

    /// - Parameter body: what a seal was over.
    /// - Returns: `nil` when another version wrote it. The expiry is left to the caller.
    fileprivate init?(body: [UInt8]) {
        do {
            var cursor = ByteCursor(body, subject: "session id")
            guard try cursor.u8() == Self.version else { return nil }
            id = try cursor.take(16)
            let (expiry, row) = (try cursor.take(4), try cursor.take(8))
            expires = Date(timeIntervalSince1970: Double(expiry.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }))
            workload = Int64(bitPattern: row.reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
            switch try cursor.u8() {
            case 0: detail = .snp
            case 1:
                detail = .sev(
                    SEVFirmwareBuild(major: try cursor.u8(), minor: try cursor.u8(), build: try cursor.u8()),
                    denials: try cursor.take(8))
            default: return nil
            }
            try cursor.finish()
        } catch {
            return nil
        }
    }
}

/// What a guest may answer: of the cookies that it sent, those that this server made and that have not expired.
public struct OpenedChallenges: Sendable {
    let all: [OpenedChallenge]
}

/// A challenge that came back, and the keys that it was sealed with: all that follows from it is
/// derived from those, whichever are active now.
struct OpenedChallenge: Sendable {
    let challenge: Challenge
    let keys: ServerKeys

    /// Opens a session id that ``Challenge/sealed(with:)`` made under one of these keys.
    ///
    /// - Returns: `nil` for anything else. The expiry is left to the caller.
    init?(sealed text: some StringProtocol, with held: HeldKeys) {
        guard let (body, keys) = SealedText.open(text, for: .workload, with: held),
            let challenge = Challenge(body: body)
        else {
            return nil
        }
        (self.challenge, self.keys) = (challenge, keys)
    }
}
