import Bytes
public import Evidence
public import FoundationEssentials

/// What a guest that names no workload is to answer: its evidence must be bound to the nonce.
///
/// As with ``Challenge``, the server keeps nothing of it: see docs/decisions/0001-sealed-challenges.md.
public struct GuestChallenge: Sendable, Hashable {
    /// Names the session, and is what the guest sends back with its evidence: 72 characters of base64url.
    public let sealed: String
    /// 32 bytes.
    public let nonce: [UInt8]
    public let tee: GuestTEE
    /// In whole seconds.
    public let expires: Date
}

/// What is sealed in a ``GuestChallenge``.
struct GuestChallengeBody: Sendable, Hashable {
    /// 16 random bytes: what the guest is stored under, and the nonce is derived from.
    let id: [UInt8]
    /// In whole seconds.
    let expires: Date
    let tee: GuestTEE

    /// Format of the seal. Another number follows when it changes.
    private static let version: UInt8 = 1

    /// version ‖ id ‖ expiry (seconds since 1970, u32) ‖ technology, big-endian; sealed as ``SealedText`` has it.
    func sealed(with keys: ServerKeys) -> String {
        let body: [UInt8] =
            [Self.version] + id + UInt32(clamping: Int64(expires.timeIntervalSince1970)).bigEndianBytes + [tee.code]
        return SealedText.seal(body, for: .guest, with: keys)
    }

    init(id: [UInt8], expires: Date, tee: GuestTEE) {
        self.id = id
        self.expires = expires
        self.tee = tee
    }

    /// - Parameter body: what a seal was over.
    /// - Returns: `nil` when another version wrote it. The expiry is left to the caller.
    fileprivate init?(body: [UInt8]) {
        do {
            var cursor = ByteCursor(body, subject: "kbs-session-id")
            guard try cursor.u8() == Self.version else { return nil }
            id = try cursor.take(16)
            let expiry = try cursor.take(4)
            expires = Date(timeIntervalSince1970: Double(expiry.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }))
            guard let tee = GuestTEE(code: try cursor.u8()) else { return nil }
            self.tee = tee
            try cursor.finish()
        } catch {
            return nil
        }
    }
}

/// A guest's challenge that came back, and the keys that it was sealed with.
public struct OpenedGuestChallenge: Sendable {
    /// The cookie.
    public let sealed: String
    let challenge: GuestChallengeBody
    let keys: ServerKeys
    let nonce: [UInt8]

    /// Opens what ``GuestChallengeBody/sealed(with:)`` made under one of these keys.
    ///
    /// - Returns: `nil` for anything else. The expiry is left to the caller.
    init?(sealed text: some StringProtocol, with held: HeldKeys) {
        guard let (body, keys) = SealedText.open(text, for: .guest, with: held),
            let challenge = GuestChallengeBody(body: body)
        else { return nil }
        (sealed, self.challenge, self.keys) = (String(text), challenge, keys)
        nonce = keys.guestNonce(for: challenge.id)
    }
}
