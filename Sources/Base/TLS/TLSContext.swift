import Bytes
import COpenSSL
import COpenSSLStart
import Crypto
public import X509

/// The immutable settings of new TLS sessions, of a server or a client. A reload makes a new context; each session keeps
/// its own.
public final class TLSContext: @unchecked Sendable {
    /// Libssl's context (SSL_CTX), usable from several threads.
    let pointer: OpaquePointer
    let isServer: Bool
    /// SHA-256 of the clients' authorities: certificates that were verified by others no longer count.
    public let clientAuthoritiesDigest: [UInt8]
    // Retained for libssl's context, which has their addresses.
    private let tickets: TicketKeys?
    private let pins: PinnedKeys?
    var isPinned: Bool { pins != nil }

    /// For TLS 1.2: only suites with forward secrecy and authenticated encryption, as in TLS 1.3.
    static let cipherList =
        "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:"
        + "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305"

    /// - Throws: ``CertificateError`` when the system's policy refuses a key or certificate.
    public init(_ configuration: TLSServerConfiguration) throws(CertificateError) {
        let new = try Self.make(TLS_server_method())
        pointer = new
        isServer = true
        pins = nil
        let tickets = TicketKeys()
        self.tickets = tickets
        let authorities = configuration.clientAuthorities
        clientAuthoritiesDigest = Array(SHA256.hash(data: (authorities ?? []).flatMap(\.der)))
        try Self.setVersions(new, from: configuration.minimumVersion, through: nil, obeysSystem: true)
        try Self.setCiphers(new, Self.cipherList)
        try Self.use(configuration.identity, in: new)
        tickets.install(in: new)
        // Tickets need no session cache. One ticket suffices for a returning client.
        SSL_CTX_ctrl(new, SSL_CTRL_SET_SESS_CACHE_MODE, Int(SSL_SESS_CACHE_OFF), nil)
        SSL_CTX_set_num_tickets(new, 1)
        SSL_CTX_set_timeout(new, TicketKeys.period)
        Self.selectHTTP11(new)
        // Required for resuming a session with a client certificate, which must not be possible with other authorities.
        _ = clientAuthoritiesDigest.withUnsafeBufferPointer {
            SSL_CTX_set_session_id_context(new, $0.baseAddress, UInt32($0.count))
        }
        if let authorities {
            try Self.trust(authorities, in: new)
            for authority in authorities { _ = authority.withPointer { SSL_CTX_add_client_CA(new, $0) } }
            SSL_CTX_set_verify(new, SSL_VERIFY_PEER, TLSSession.noteRefusal)
        }
        ERR_clear_error()
    }

    /// - Throws: ``CertificateError`` when the system's policy refuses a key or certificate.
    public init(_ configuration: TLSClientConfiguration) throws(CertificateError) {
        let new = try Self.make(TLS_client_method())
        pointer = new
        isServer = false
        tickets = nil
        clientAuthoritiesDigest = []
        if case .pins(let pins) = configuration.trust {
            let pins = PinnedKeys(pins)
            self.pins = pins
            pins.install(in: new)
        } else {
            pins = nil
        }
        try Self.setVersions(
            new, from: configuration.versions.lowerBound, through: configuration.versions.upperBound,
            obeysSystem: configuration.cipherList == nil)
        try Self.setCiphers(new, configuration.cipherList ?? Self.cipherList)
        if let identity = configuration.identity { try Self.use(identity, in: new) }
        switch configuration.trust {
        case .system: SSL_CTX_set_default_verify_paths(new)
        case .authorities(let authorities): try Self.trust(authorities, in: new)
        case .pins: break
        }
        SSL_CTX_set_verify(new, SSL_VERIFY_PEER, TLSSession.noteRefusal)
        ERR_clear_error()
    }

    deinit { SSL_CTX_free(pointer) }

    /// For tests.
    package func rotateTicketKeys() { tickets?.rotate() }

    private static func make(_ method: OpaquePointer?) throws(CertificateError) -> OpaquePointer {
        guard let context = SSL_CTX_new(method) else {
            ERR_clear_error()
            throw CertificateError("libssl cannot be used: see openssl.cnf, and OPENSSL_CONF in the environment")
        }
        kbs_tls_forbid(context)
        // An idle session frees its buffers of 17 KiB each. The rest of a partial write may be at another address.
        let modes =
            SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS
            | SSL_MODE_NO_AUTO_CHAIN
        SSL_CTX_ctrl(context, SSL_CTRL_MODE, Int(modes), nil)
        // Reads a record and its header in one system call.
        SSL_CTX_ctrl(context, SSL_CTRL_SET_READ_AHEAD, 1, nil)
        return context
    }

    private static func setVersions(
        _ context: OpaquePointer, from minimum: TLSVersion, through maximum: TLSVersion?, obeysSystem: Bool
    ) throws(CertificateError) {
        let system = obeysSystem ? SSL_CTX_ctrl(context, SSL_CTRL_GET_MIN_PROTO_VERSION, 0, nil) : 0
        guard SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, max(system, minimum.rawValue), nil) == 1,
            maximum.map({ SSL_CTX_ctrl(context, SSL_CTRL_SET_MAX_PROTO_VERSION, $0.rawValue, nil) == 1 }) ?? true
        else { throw failure("this system's policy (openssl.cnf) allows no such version of TLS") }
    }

    private static func setCiphers(_ context: OpaquePointer, _ list: String) throws(CertificateError) {
        guard SSL_CTX_set_cipher_list(context, list) == 1 else {
            throw failure("this system's policy (openssl.cnf) allows none of the cipher suites")
        }
    }

    private static func use(_ identity: TLSIdentity, in context: OpaquePointer) throws(CertificateError) {
        for (index, certificate) in identity.chain.enumerated() {
            let isTaken = certificate.withPointer { certificate in
                // The argument 1 retains the certificate.
                index == 0
                    ? SSL_CTX_use_certificate(context, certificate) == 1
                    : SSL_CTX_ctrl(context, SSL_CTRL_CHAIN_CERT, 1, UnsafeMutableRawPointer(certificate)) == 1
            }
            guard isTaken else { throw refused(certificate, context) }
        }
        guard identity.key.withPointer({ SSL_CTX_use_PrivateKey(context, $0) }) == 1,
            SSL_CTX_check_private_key(context) == 1
        else { throw failure("the key of \(identity.certificate) cannot be used for TLS") }
    }

    private static func refused(_ certificate: X509Certificate, _ context: OpaquePointer) -> CertificateError {
        let reason = ERR_GET_REASON(ERR_peek_error())
        let isWeak = [SSL_R_EE_KEY_TOO_SMALL, SSL_R_CA_KEY_TOO_SMALL, SSL_R_CA_MD_TOO_WEAK].contains(reason)
        return failure(
            isWeak
                ? "\(certificate): \(VerificationFailure.weak(SSL_CTX_get_security_level(context)))"
                : "\(certificate) cannot be used for TLS")
    }

    private static func trust(_ authorities: [X509Certificate], in context: OpaquePointer) throws(CertificateError) {
        let store = SSL_CTX_get_cert_store(context)
        for authority in authorities {
            guard authority.withPointer({ X509_STORE_add_cert(store, $0) }) == 1 else {
                throw failure("\(authority) cannot be used as an authority")
            }
        }
        // Trusts listed certificates that are not roots, too.
        X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), UInt(X509_V_FLAG_PARTIAL_CHAIN))
    }

    /// Selects HTTP/1.1 of a client's protocols (ALPN). A client without it is served nevertheless.
    private static func selectHTTP11(_ context: OpaquePointer) {
        SSL_CTX_set_alpn_select_cb(
            context,
            { _, chosen, length, offered, count, _ in
                let wanted = Array("http/1.1".utf8)
                var rest = UnsafeBufferPointer(start: offered, count: Int(count))[...]
                while let size = rest.first, rest.count > Int(size) {
                    let name = rest.dropFirst().prefix(Int(size))
                    if name.elementsEqual(wanted) {
                        chosen?.pointee = UnsafeBufferPointer(rebasing: name).baseAddress
                        length?.pointee = size
                        return SSL_TLSEXT_ERR_OK
                    }
                    rest = rest.dropFirst(1 + Int(size))
                }
                return SSL_TLSEXT_ERR_NOACK
            }, nil)
    }

    private static func failure(_ description: String) -> CertificateError {
        ERR_clear_error()
        return CertificateError(description)
    }
}
