public import X509

public struct TLSServerConfiguration: Sendable {
    public var identity: TLSIdentity
    /// The authorities of client certificates, which are optional; nil: none are requested.
    public var clientAuthorities: [X509Certificate]?
    /// The system's policy may require a newer one.
    public var minimumVersion = TLSVersion.tlsv12

    public init(_ identity: TLSIdentity, clientAuthorities: [X509Certificate]? = nil) {
        (self.identity, self.clientAuthorities) = (identity, clientAuthorities)
    }
}

public struct TLSClientConfiguration: Sendable {
    /// The trusted servers.
    public enum Trust: Sendable {
        /// Servers with a certificate for the called host, by the system's authorities.
        case system
        /// Servers with a certificate for the called host, by these authorities.
        case authorities([X509Certificate])
        /// Servers with one of these keys (SHA-256 of the SubjectPublicKeyInfo) and any certificate.
        case pins(Set<[UInt8]>)
    }

    public var trust: Trust
    /// For servers that request a client certificate.
    public var identity: TLSIdentity?
    public var versions = TLSVersion.tlsv12...TLSVersion.tlsv13
    /// For tests of refusals: OpenSSL's cipher list for TLS up to 1.2, with `@SECLEVEL=0` for weak ones.
    public var cipherList: String?

    public init(_ trust: Trust) { self.trust = trust }
}
