import Bytes
import Crypto
import Evidence
public import FoundationEssentials

/// Where attested guests are kept that named no workload. As with ``Store``: acknowledged means durable.
///
/// They are sessions too: ``Store/sessions(_:after:limit:at:)``, ``Store/endSessions(_:at:recording:)``,
/// ``Store/sweepSessions(before:)`` and counts cover them.
public protocol GuestStore: Sendable {
    /// Keeps a guest, its init data, and the attempt that led to it.
    ///
    /// - Parameter initData: are kept once for all guests that have the same; `nil` when there are none, or they are kept
    ///   for long enough.
    /// - Returns: `false` when there is one with the same id, or the master key of its code has been retired. Then
    ///   nothing is written.
    func insert(
        _ guest: StoredGuest, initData: StoredInitData?, attempt: RecordedAttempt, recording record: AuditRecord
    ) async throws -> Bool

    /// A guest whose session has not expired.
    func guest(_ id: [UInt8], at time: Date) async throws -> StoredGuest?

    /// The init data with a digest, as far as they are kept.
    func initData(_ digest: [UInt8]) async throws -> String?

    /// Whether init data are kept until then.
    func keepsInitData(_ digest: [UInt8], until time: Date) async throws -> Bool
}

/// Init data as they are in the database.
public struct StoredInitData: Sendable, Hashable {
    /// SHA-256 of `entries`.
    public let digest: [UInt8]
    /// ``GuestClaims/initDataJSON``.
    public let entries: String
    /// How long they are kept: longer than the guest's row, so that not each guest has to say so anew.
    public let expires: Date

    /// - Parameter guest: until when its row is good.
    /// - Returns: `nil` for none.
    package init?(_ entries: String, of guest: Date) {
        guard !entries.isEmpty else { return nil }
        digest = Self.digest(of: entries)
        self.entries = entries
        expires = guest.addingTimeInterval(3_600)
    }

    public static func digest(of entries: String) -> [UInt8] {
        entries.isEmpty ? [] : Array(SHA256.hash(data: Array(entries.utf8)))
    }
}

/// An attested guest as it is in the database.
public struct StoredGuest: Sendable, Hashable {
    /// The challenge's id, 16 bytes.
    public let id: [UInt8]
    /// ``GuestClaims`` in JSON, without the init data.
    public let claims: String
    /// ``StoredInitData/digest``; none when it sent none.
    public let initData: [UInt8]
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
        id: [UInt8], claims: String, initData: [UInt8] = [], key: String, verdict: String, token: String, tee: String,
        chip: String, opened: Date, expires: Date, code: [UInt8], masterKey: String
    ) {
        self.id = id
        self.claims = claims
        self.initData = initData
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
    ///
    /// - Parameters:
    ///   - claims: the guest's, as its attempt keeps them.
    ///   - verdictJSON: its verdict, as its attempt keeps it.
    init(
        _ guest: AttestedGuest, claims: String, initData: [UInt8], token: String, verdictJSON: String,
        with keys: ServerKeys
    ) {
        func stored(_ code: [UInt8]) -> StoredGuest {
            StoredGuest(
                id: guest.id, claims: claims, initData: initData, key: guest.key, verdict: verdictJSON, token: token,
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
            Array(token.utf8), Array(tee.utf8), Array(chip.utf8), initData,
        ]
        return parts.reduce(into: []) { $0 += UInt32(clamping: $1.count).bigEndianBytes + $1 }
    }
}

extension AttestedGuest {
    /// - Parameters:
    ///   - stored: one whose code was found right.
    ///   - initData: those that it names.
    /// - Throws: when another version wrote it, in a form that is not known here.
    init(_ stored: StoredGuest, initData: String = "") throws {
        self.init(
            id: stored.id, claims: try GuestClaims(json: stored.claims, initData: initData), key: stored.key,
            verdict: try VerdictRecord(json: stored.verdict),
            opened: stored.opened, expires: stored.expires, token: stored.token)
    }
}
