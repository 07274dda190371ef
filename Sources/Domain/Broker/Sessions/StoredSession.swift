import Bytes
import Crypto
public import FoundationEssentials

/// Where sessions are kept. As with ``Store``: acknowledged means durable.
public protocol SessionStore: Sendable {
    /// Opens a session, and keeps the guest's init data and the attempt that led to it.
    ///
    /// - Parameter initData: are kept once for all guests that have the same; `nil` when there are none, or they are kept
    ///   for long enough.
    /// - Returns: `false` when there is one with the same id, its workload is gone or disabled, or the master key of its code
    ///   has been retired. Then nothing is written.
    func insert(
        _ session: StoredSession, initData: StoredInitData?, attempt: RecordedAttempt, recording record: AuditRecord
    ) async throws -> Bool

    /// A session that has not expired. None of a workload.
    func session(_ id: [UInt8], at time: Date) async throws -> StoredSession?

    /// A workload's session that has not expired, with the workload and the sealed secret.
    func grant(session id: [UInt8], at time: Date) async throws -> Grant?

    /// The init data with a digest, as far as they are kept.
    func initData(_ digest: [UInt8]) async throws -> String?

    /// Whether init data are kept until then.
    func keepsInitData(_ digest: [UInt8], until time: Date) async throws -> Bool
}

/// What a workload's session may have.
public struct Grant: Sendable {
    public let session: StoredSession
    public let secret: StoredSecret

    public init(session: StoredSession, secret: StoredSecret) { (self.session, self.secret) = (session, secret) }
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

/// A session as it is in the database.
public struct StoredSession: Sendable, Hashable {
    /// The challenge's id, 16 bytes.
    public let id: [UInt8]
    public let workload: Workload.Row?
    /// ``TEE/name``.
    public let tee: String
    /// In hex; empty when there is none.
    public let chip: String
    /// ``GuestClaims`` in JSON, without the init data; of an SEV guest what its platform's holder has.
    public let claims: String
    /// ``StoredInitData/digest``; none when it sent none.
    public let initData: [UInt8]
    /// ``AttestedGuest/key``.
    public let key: String
    public let token: String
    public let opened: Date
    public let expires: Date
    /// Made by the broker over all of the above, and the workload as it was when the guest attested: a
    /// session that someone else wrote into the database, or moved to another workload, is none.
    public let code: [UInt8]
    /// The id of the master key that the code was made under: that of the challenge.
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
    /// A session that the broker opens: it gets its code here.
    ///
    /// - Parameters:
    ///   - claims: the guest's, as its attempt keeps them.
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

    /// What the code is over; every part says its length.
    var authenticatedBytes: [UInt8] {
        func seconds(_ date: Date) -> [UInt8] {
            UInt64(bitPattern: Int64(exactly: date.timeIntervalSince1970.rounded(.down)) ?? .max).bigEndianBytes
        }
        let parts = [
            id, workload.map { UInt64(bitPattern: $0).bigEndianBytes } ?? [], seconds(opened), seconds(expires),
            Array(claims.utf8), Array(key.utf8), Array(token.utf8), Array(tee.utf8), Array(chip.utf8), initData,
        ]
        return parts.reduce(into: []) { $0 += UInt32(clamping: $1.count).bigEndianBytes + $1 }
    }
}

extension Broker {
    /// The session that answered a challenge, as far as it is open. None of a workload.
    func session(of opened: OpenedChallenge, at time: Date) async throws -> Session? {
        guard let stored = try await store.session(opened.challenge.id, at: time) else { return nil }
        return try await session(stored, sealedBy: [opened.keys])
    }

    /// The attested guest of a session.
    ///
    /// - Parameter candidates: every session cookie that came along; the first one with a session counts.
    /// - Throws: a ``Refusal`` (`sessionInvalid`) when there is none, or it has ended.
    public func guest(session candidates: [some StringProtocol]) async throws -> AttestedGuest {
        guard !candidates.isEmpty else { throw refusing(.noGuestYet) }
        let time = now()
        for opened in challenges(among: candidates) where !opened.isWorkloads {
            if let guest = try await session(of: opened, at: time)?.guest { return guest }
        }
        throw refusing(.noGuest)
    }

    /// The attested guest with a session's id, 16 bytes. For the server's own tokens: when the session ends, so do they.
    ///
    /// - Throws: a ``Refusal`` (`sessionInvalid`).
    public func guest(id: [UInt8]) async throws -> AttestedGuest {
        guard let stored = try await store.session(id, at: now()),
            let guest = try await session(stored, sealedBy: await keys.candidates(for: stored.masterKey))?.guest
        else { throw refusing(.noGuest) }
        return guest
    }

    /// - Parameter workload: the session's.
    /// - Returns: `nil` for a row that none of these keys has made.
    func session(
        _ stored: StoredSession, of workload: Workload? = nil, sealedBy keys: [ServerKeys]
    ) async throws -> Session? {
        guard !keys.isEmpty, stored.workload == workload?.row else { return nil }
        // The workload may be another than it was.
        if workload == nil, let session = recentSessions.session(stored) { return session }
        guard keys.contains(where: { $0.isGenuine(stored, of: workload) }) else { return nil }
        if workload != nil, let session = recentSessions.session(stored) { return session }
        guard !stored.initData.isEmpty else { return try Session(stored) }
        if let entries = recentInitData.entries(stored.initData) { return try Session(stored, initData: entries) }
        // The row's code covers their digest.
        guard let entries = try await store.initData(stored.initData),
            StoredInitData.digest(of: entries) == stored.initData
        else { return nil }
        return try Session(stored, initData: entries)
    }
}

extension Refusal {
    fileprivate static let noGuest = Refusal(
        .sessionInvalid, "There is no attested session for this request, or it has ended: attest again.")

    /// The client library of Confidential Containers attests when it was told this.
    fileprivate static let noGuestYet = Refusal(noGuest.code, noGuest.sentence, isOrdinary: true)
}
