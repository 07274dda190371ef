import Bytes
import Crypto
public import FoundationEssentials

/// Where sessions are stored. As with ``Store``: acknowledged means durable.
public protocol SessionStore: Sendable {
    /// Stores a session, the guest's init data and the attempt that led to it.
    ///
    /// - Parameter initData: stored once for all guests with the same; `nil` when there are none, or they are stored
    ///   for long enough already.
    /// - Returns: `false`, with nothing written, when the session exists, its workload is gone or disabled, or the
    ///   master key of its code has been retired.
    func insert(
        _ session: StoredSession, initData: StoredInitData?, attempt: RecordedAttempt, recording record: AuditRecord
    ) async throws -> Bool

    /// The open session of a guest that named no workload.
    func session(_ id: [UInt8], at time: Date) async throws -> StoredSession?

    /// A workload's open session, with the workload and its sealed secret.
    func grant(session id: [UInt8], at time: Date) async throws -> Grant?

    /// The entries of stored init data; `nil` when the digest is unknown.
    func initData(_ digest: [UInt8]) async throws -> String?

    /// Whether init data are stored until `time` at least.
    func keepsInitData(_ digest: [UInt8], until time: Date) async throws -> Bool
}

/// A workload's session with the sealed secret that it gives access to.
public struct Grant: Sendable {
    public let session: StoredSession
    public let secret: StoredSecret

    public init(session: StoredSession, secret: StoredSecret) { (self.session, self.secret) = (session, secret) }
}

/// Init data as stored.
public struct StoredInitData: Sendable, Hashable {
    /// SHA-256 of `entries`.
    public let digest: [UInt8]
    /// ``GuestClaims/initDataJSON``.
    public let entries: String
    /// The end of storage: an hour after the guest's session, so that not every guest with the same has to extend it.
    public let expires: Date

    /// - Parameter guest: the end of the guest's session.
    /// - Returns: `nil` for empty entries.
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

/// A session as stored.
public struct StoredSession: Sendable, Hashable {
    /// The challenge's id, 16 bytes.
    public let id: [UInt8]
    public let workload: Workload.Row?
    /// ``TEE/name``.
    public let tee: String
    /// The chip's id in hex; empty when unknown.
    public let chip: String
    /// ``GuestClaims`` in JSON, without the init data; for an SEV guest, its platform as JSON.
    public let claims: String
    /// ``StoredInitData/digest``; empty when the guest sent no init data.
    public let initData: [UInt8]
    /// ``AttestedGuest/key``.
    public let key: String
    public let token: String
    public let opened: Date
    public let expires: Date
    /// HMAC-SHA256 over the members above and the workload as it was when the guest attested: a row that was not
    /// written by a broker, or was moved to another workload, is ignored.
    public let code: [UInt8]
    /// The id of the master key of the code: the one that sealed the challenge.
    public let masterKey: String

    public init(
        id: [UInt8], workload: Workload.Row?, tee: String, chip: String, claims: String, initData: [UInt8] = [],
        key: String, token: String, opened: Date, expires: Date, code: [UInt8], masterKey: String
    ) {
        (self.id, self.workload, self.tee, self.chip) = (id, workload, tee, chip)
        (self.claims, self.initData, self.key, self.token) = (claims, initData, key, token)
        (self.opened, self.expires, self.code, self.masterKey) = (opened, expires, code, masterKey)
    }
}

extension StoredSession {
    /// Makes the row of a new session, with its code.
    ///
    /// - Parameters:
    ///   - claims: the guest's claims, as its attempt stores them.
    ///   - workload: the session's.
    init(
        _ session: Session, tee: TEE, claims: String?, initData: [UInt8], of workload: Workload?,
        with keys: ServerKeys
    ) {
        let guest = session.guest
        func stored(_ code: [UInt8]) -> StoredSession {
            StoredSession(
                id: session.id, workload: session.workload, tee: tee.name, chip: guest?.chip ?? "",
                claims: claims ?? session.holder.platformText ?? "", initData: initData, key: guest?.key ?? "",
                token: guest?.token ?? "", opened: session.opened, expires: session.expires, code: code,
                masterKey: keys.id)
        }
        self = stored(keys.authenticationCode(for: stored([]), of: workload))
    }

    /// The bytes that the code covers, each part preceded by its length.
    var authenticatedBytes: [UInt8] {
        func seconds(_ date: Date) -> [UInt8] {
            UInt64(bitPattern: Int64(exactly: date.timeIntervalSince1970.rounded(.down)) ?? .max).bigEndianBytes
        }
        let parts = [
            id, workload.map { UInt64(bitPattern: $0).bigEndianBytes } ?? [], seconds(opened), seconds(expires),
            Array(claims.utf8), Array(key.utf8), Array(token.utf8), Array(tee.utf8), Array(chip.utf8), initData,
        ]
        var bytes: [UInt8] = []
        bytes.reserveCapacity(parts.reduce(0) { $0 + 4 + $1.count })
        for part in parts { bytes.append(lengthPrefixed: part) }
        return bytes
    }
}

extension Broker {
    /// The open session of a guest that answered a challenge and named no workload.
    func session(of opened: OpenedChallenge, at time: Date) async throws -> Session? {
        guard let stored = try await store.session(opened.challenge.id, at: time) else { return nil }
        return try await session(stored, sealedBy: opened.keys)
    }

    /// The attested guest of a session.
    ///
    /// - Parameter candidates: all session cookies of the request; the first with an open session counts.
    /// - Throws: a ``Refusal`` (`sessionInvalid`) when none has an open session.
    public func guest(session candidates: [some StringProtocol]) async throws -> AttestedGuest {
        guard !candidates.isEmpty else { throw refusing(.noGuestYet) }
        let time = now()
        for opened in challenges(among: candidates) where !opened.isWorkloads {
            if let guest = try await session(of: opened, at: time)?.guest { return guest }
        }
        throw refusing(.noGuest)
    }

    /// The attested guest with a session's id, 16 bytes: for attestation tokens of this server, which end with the
    /// session.
    ///
    /// - Throws: a ``Refusal`` (`sessionInvalid`).
    public func guest(id: [UInt8]) async throws -> AttestedGuest {
        guard let stored = try await store.session(id, at: now()),
            let guest = try await session(stored, sealedBy: await keys.keys(for: stored.masterKey))?.guest
        else { throw refusing(.noGuest) }
        return guest
    }

    /// - Parameter workload: the session's.
    /// - Returns: `nil` for a row whose code was not made with these keys, or whose init data are not stored.
    func session(
        _ stored: StoredSession, of workload: Workload? = nil, sealedBy keys: ServerKeys?
    ) async throws -> Session? {
        guard let keys, stored.workload == workload?.row else { return nil }
        // For a workload's session only after the code was verified: it covers the workload, which may have changed.
        if workload == nil, let session = recentSessions.session(stored) { return session }
        guard keys.isGenuine(stored, of: workload) else { return nil }
        if workload != nil, let session = recentSessions.session(stored) { return session }
        guard !stored.initData.isEmpty else { return try Session(stored) }
        if let entries = recentInitData.entries(stored.initData) { return try Session(stored, initData: entries) }
        // The row's code covers the digest of the init data.
        guard let entries = try await store.initData(stored.initData),
            StoredInitData.digest(of: entries) == stored.initData
        else { return nil }
        return try Session(stored, initData: entries)
    }
}

extension Refusal {
    fileprivate static let noGuest = Refusal(
        .sessionInvalid, "There is no attested session for this request, or it has ended: attest again.")

    /// The client library of Confidential Containers attests when it receives this.
    fileprivate static let noGuestYet = Refusal(noGuest.code, noGuest.sentence, isOrdinary: true)
}
