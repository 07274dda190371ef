public import Bytes
import Crypto
import Evidence
public import FoundationEssentials

/// A guest whose evidence was accepted.
public struct AttestedGuest: Sendable, Hashable {
    /// The session's id, 16 bytes.
    public let id: [UInt8]
    public let claims: GuestClaims
    /// The guest's public key, as the dialect wrote it.
    public let key: String
    /// The end of the session, in whole seconds.
    public let expires: Date
    /// The attestation token that the dialect issued for the guest; `nil` when the dialect issues none, or not yet.
    public internal(set) var token: String?

    init(id: [UInt8], claims: GuestClaims, key: String, expires: Date, token: String? = nil) {
        (self.id, self.claims, self.key, self.expires, self.token) = (id, claims, key, expires, token)
    }

    /// Names the guest in logs; not enough to open its session.
    public var shortID: String { Challenge.shortID(of: id) }

    var chip: String { claims.chip }
}

/// A guest that another verifier has attested, by that verifier's token, which the dialect has verified.
public struct ForeignGuest: Sendable, Hashable {
    /// The token's issuer.
    public let issuer: ExactText
    public let claims: GuestClaims
    /// The guest's public key: a JWK in canonical JSON.
    public let key: String
    /// The token's `iat`.
    public let issued: Date
    public let expires: Date

    public init(issuer: ExactText, claims: GuestClaims, key: String, issued: Date, expires: Date) {
        self.issuer = issuer
        self.claims = claims
        self.key = key
        self.issued = issued
        self.expires = expires
    }
}

/// A guest that asks for a resource: attested here, or by another verifier.
public enum ResourceReader: Sendable, Hashable {
    case attested(AttestedGuest)
    case foreign(ForeignGuest)

    public var claims: GuestClaims {
        switch self {
        case .attested(let guest): guest.claims
        case .foreign(let guest): guest.claims
        }
    }

    /// The public key to which resources are encrypted.
    public var key: String {
        switch self {
        case .attested(let guest): guest.key
        case .foreign(let guest): guest.key
        }
    }

    /// The verifier that vouches for the guest; `nil` when it attested here.
    var issuer: ExactText? { if case .foreign(let guest) = self { guest.issuer } else { nil } }

    var expires: Date {
        switch self {
        case .attested(let guest): guest.expires
        case .foreign(let guest): guest.expires
        }
    }

    var chip: String { claims.chip }

    /// The guest's id, 16 bytes: the session's, or a hash over issuer and key.
    var id: [UInt8] {
        switch self {
        case .attested(let guest): guest.id
        case .foreign(let guest):
            Array(SHA256.hash(data: "\(guest.issuer)\n\(guest.key)".utf8).prefix(16))
        }
    }
}
