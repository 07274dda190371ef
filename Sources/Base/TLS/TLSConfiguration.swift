public import X509

/// How a server speaks TLS.
public struct TLSServerConfiguration: Sendable {
    public var identity: TLSIdentity
    /// Whose certificates clients may show; nil: they are not asked for one. A client may always come without.
    public var clientAuthorities: [X509Certificate]?
    /// The system's policy may ask for a newer one.
    public var minimumVersion = TLSVersion.tlsv12

    public init(_ identity: TLSIdentity, clientAuthorities: [X509Certificate]? = nil) {
        (self.identity, self.clientAuthorities) = (identity, clientAuthorities)
    }
}

/// How a client speaks TLS.
public struct TLSClientConfiguration: Sendable {
    /// Which servers are trusted.
    public enum Trust: Sendable {
        /// Those that the machine's authorities vouch for, for the name or address that is called.
        case system
        /// Those that these vouch for, for the name or address that is called.
        case authorities([X509Certificate])
        /// Those with one of these keys, whatever their certificates say: SHA-256 of the SubjectPublicKeyInfo.
        case pins(Set<[UInt8]>)
    }

    public var trust: Trust
    /// What is shown to a server that asks for it.
    public var identity: TLSIdentity?
    public var versions = TLSVersion.tlsv12...TLSVersion.tlsv13
    /// For tests of what is refused: OpenSSL's list for TLS 1.2 and before, with `@SECLEVEL=0` for what nobody should use.
    public var cipherList: String?

    public init(_ trust: Trust) { self.trust = trust }
}
