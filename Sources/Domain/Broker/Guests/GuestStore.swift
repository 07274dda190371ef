import Bytes
import Evidence
public import FoundationEssentials

/// Where attested guests are kept that named no workload. As with ``Store``: acknowledged means durable.
///
/// They are sessions too: ``Store/sessions(_:after:limit:at:)``, ``Store/endSessions(_:at:recording:)``,
/// ``Store/sweepSessions(before:)`` and counts cover them.
public protocol GuestStore: Sendable {
    /// Keeps a guest, and the attempt that led to it.
    ///
    /// - Returns: `false` when there is one with the same id, or the master key of its code has been retired. Then
    ///   nothing is written.
    func insert(_ guest: StoredGuest, attempt: RecordedAttempt, recording record: AuditRecord) async throws -> Bool

    /// A guest whose session has not expired.
    func guest(_ id: [UInt8], at time: Date) async throws -> StoredGuest?
}

/// An attested guest as it is in the database.
public struct StoredGuest: Sendable, Hashable {
    /// The challenge's id, 16 bytes.
    public let id: [UInt8]
    /// ``GuestClaims`` in JSON.
    public let claims: String
    /// A JWK in canonical JSON.
    public let key: String
    /// ``VerdictRecord`` in JSON.
    public let verdict: String
    public let token: String
    public let tee: String
    /// In hex; empty when there is none.
    public let chip: String
    public let opened: Date
    public let expires: Date
    /// Made by the broker over all of the above: a guest that someone else wrote into the database is none.
    public let code: [UInt8]
    /// The id of the master key that the code was made under.
    public let masterKey: String

    public init(
        id: [UInt8], claims: String, key: String, verdict: String, token: String, tee: String, chip: String,
        opened: Date, expires: Date, code: [UInt8], masterKey: String
    ) {
        self.id = id
        self.claims = claims
        self.key = key
        self.verdict = verdict
        self.token = token
        self.tee = tee
        self.chip = chip
        self.opened = opened
        self.expires = expires
        self.code = code
        self.masterKey = masterKey
    }
}

extension StoredGuest {
    /// A guest that the broker attested: it gets its code here.
    init(_ guest: AttestedGuest, token: String, verdictJSON: String, with keys: ServerKeys) {
        let claims = guest.claims.json
        func stored(_ code: [UInt8]) -> StoredGuest {
            StoredGuest(
                id: guest.id, claims: claims, key: guest.key, verdict: verdictJSON, token: token,
                tee: guest.claims.tee.rawValue, chip: guest.chip, opened: guest.opened, expires: guest.expires,
                code: code, masterKey: keys.id)
        }
        self = stored(keys.authenticationCode(for: stored([])))
    }

    /// What the code is over; every part says its length.
    var authenticatedBytes: [UInt8] {
        func seconds(_ date: Date) -> [UInt8] {
            UInt64(bitPattern: Int64(exactly: date.timeIntervalSince1970.rounded(.down)) ?? .max).bigEndianBytes
        }
        let parts = [
            id, seconds(opened), seconds(expires), Array(claims.utf8), Array(key.utf8), Array(verdict.utf8),
            Array(token.utf8), Array(tee.utf8), Array(chip.utf8),
        ]
        return parts.reduce(into: []) { $0 += UInt32(clamping: $1.count).bigEndianBytes + $1 }
    }
}

extension AttestedGuest {
    /// - Parameter stored: one whose code was found right.
    /// - Throws: when another version wrote it, in a form that is not known here.
    init(_ stored: StoredGuest) throws {
        self.init(
            id: stored.id, claims: try GuestClaims(json: stored.claims), key: stored.key,
            verdict: try VerdictRecord(json: stored.verdict),
            opened: stored.opened, expires: stored.expires, token: stored.token)
    }
}
