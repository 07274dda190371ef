public import Bytes
import Crypto
import Evidence
public import FoundationEssentials

/// A guest whose evidence was accepted, whatever it will ask for.
public struct AttestedGuest: Sendable, Hashable {
    /// The session's id, 16 bytes.
    public let id: [UInt8]
    public let claims: GuestClaims
    /// Its public key, as the dialect wrote it.
    public let key: String
    /// When it must attest again, in whole seconds.
    public let expires: Date
    /// What the dialect states of it to others, if it does; `nil` while it is being made.
    public internal(set) var token: String?

    init(id: [UInt8], claims: GuestClaims, key: String, expires: Date, token: String? = nil) {
        (self.id, self.claims, self.key, self.expires, self.token) = (id, claims, key, expires, token)
    }

    /// Names the guest in logs; it opens nothing.
    public var shortID: String { Challenge.shortID(of: id) }

    var chip: String { claims.chip }
}

/// A guest that another verifier has attested, as its token says. The dialect has verified the token.
public struct ForeignGuest: Sendable, Hashable {
    /// Whose token it is.
    public let issuer: ExactText
    public let claims: GuestClaims
    /// The guest's public key: a JWK in canonical JSON.
    public let key: String
    /// When the token was made.
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

/// Who asks for a resource.
public enum ResourceReader: Sendable, Hashable {
    case attested(AttestedGuest)
    case foreign(ForeignGuest)

    public var claims: GuestClaims {
        switch self {
        case .attested(let guest): guest.claims
        case .foreign(let guest): guest.claims
        }
    }

    /// What a resource is encrypted to.
    public var key: String {
        switch self {
        case .attested(let guest): guest.key
        case .foreign(let guest): guest.key
        }
    }

    /// Of the verifier that vouches for it in place of this server.
    var issuer: ExactText? { if case .foreign(let guest) = self { guest.issuer } else { nil } }

    var expires: Date {
        switch self {
        case .attested(let guest): guest.expires
        case .foreign(let guest): guest.expires
        }
    }

    var chip: String { claims.chip }

    /// Tells one reader from another: 16 bytes.
    var id: [UInt8] {
        switch self {
        case .attested(let guest): guest.id
        case .foreign(let guest):
            Array(SHA256.hash(data: "\(guest.issuer)\n\(guest.key)".utf8).prefix(16))
        }
    }
}
