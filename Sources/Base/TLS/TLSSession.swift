import COpenSSL
import Glibc
public import X509

/// The result of a TLS call on a non-blocking socket.
public enum TLSStep: Hashable, Sendable {
    /// The number of bytes read or written; 0 for a completed handshake or shutdown.
    case done(Int)
    /// Repeat the call when the socket is readable.
    case wantRead
    /// Repeat the call when the socket is writable.
    case wantWrite
    /// The other side has ended writing.
    case closed
    /// The session is broken; with ``TLSError/Kind/closed`` by its connection.
    case failed(TLSError)
}

/// TLS on one connection. One thread at a time may use it.
///
/// It does not own the socket, which must be closed after its last use.
public final class TLSSession: @unchecked Sendable {
    public let context: TLSContext
    /// Libssl's session (SSL).
    let pointer: OpaquePointer
    private var isBroken = false
    /// The other side's refused certificate.
    private var refused: X509Certificate?
    /// Whether ``handshake()`` is done.
    public private(set) var isEstablished = false

    /// The server's side.
    ///
    /// - Throws: ``TLSError`` for lack of memory.
    public init(_ context: TLSContext, accepting descriptor: Int32) throws(TLSError) {
        (self.context, pointer) = (context, try Self.make(context, descriptor))
        SSL_set_accept_state(pointer)
        SSL_set_ex_data(pointer, 0, Unmanaged.passUnretained(self).toOpaque())
    }

    /// The client's side.
    ///
    /// - Parameter host: the called name or IP address, for which the server's certificate must be valid unless keys are
    ///   pinned.
    public init(_ context: TLSContext, connecting descriptor: Int32, to host: String) throws(TLSError) {
        (self.context, pointer) = (context, try Self.make(context, descriptor))
        SSL_set_connect_state(pointer)
        SSL_set_ex_data(pointer, 0, Unmanaged.passUnretained(self).toOpaque())
        guard Self.expect(host, pointer) else { throw TLSError(.certificate, "\"\(host)\" is not a server's name") }
    }

    deinit { SSL_free(pointer) }

    private static func make(_ context: TLSContext, _ descriptor: Int32) throws(TLSError) -> OpaquePointer {
        guard let session = SSL_new(context.pointer) else {
            ERR_clear_error()
            throw TLSError(.resources, "there is no memory for TLS")
        }
        guard SSL_set_fd(session, descriptor) == 1 else {
            ERR_clear_error()
            SSL_free(session)
            throw TLSError(.resources, "there is no memory for TLS")
        }
        return session
    }

    private static func expect(_ host: String, _ session: OpaquePointer) -> Bool {
        defer { ERR_clear_error() }
        // The handshake's server name (SNI) cannot be an address.
        if AlternativeName.address(host) != nil {
            return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host) == 1
        }
        guard !host.isEmpty, !host.utf8.contains(0) else { return false }
        SSL_set_hostflags(session, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
        let isSet = host.withCString { name in
            SSL_ctrl(
                session, SSL_CTRL_SET_TLSEXT_HOSTNAME, Int(TLSEXT_NAMETYPE_host_name),
                UnsafeMutableRawPointer(mutating: name))
        }
        return isSet == 1 && SSL_set1_host(session, host) == 1
    }

    /// Continues the handshake.
    public func handshake() -> TLSStep {
        let step = take { SSL_do_handshake(pointer) == 1 ? 0 : nil }
        if case .done = step { isEstablished = true }
        // Within the handshake, an end is a failure.
        if case .closed = step { return .failed(diagnosis.error(system: 0)) }
        return step
    }

    /// Reads the received bytes that fit.
    public func read(into buffer: UnsafeMutableRawBufferPointer) -> TLSStep {
        take {
            var count = 0
            return SSL_read_ex(pointer, buffer.baseAddress, buffer.count, &count) == 1 ? count : nil
        }
    }

    /// Writes as much as the socket takes.
    ///
    /// - Parameter bytes: not empty.
    public func write(_ bytes: UnsafeRawBufferPointer) -> TLSStep {
        take {
            var count = 0
            return SSL_write_ex(pointer, bytes.baseAddress, bytes.count, &count) == 1 ? count : nil
        }
    }

    /// Ends writing. The other side may still write.
    public func shutdown() -> TLSStep {
        guard isEstablished else { return .done(0) }
        return take { SSL_shutdown(pointer) >= 0 ? 0 : nil }
    }

    /// Whether bytes were read from the socket that ``read(into:)`` has not returned. The socket does not announce them
    /// again.
    public var hasPending: Bool { SSL_has_pending(pointer) == 1 }

    /// Whether it resumed an earlier session, without an exchange of certificates.
    public var isResumed: Bool { SSL_session_reused(pointer) == 1 }

    public var version: TLSVersion? { TLSVersion(rawValue: Int(SSL_version(pointer))) }

    /// The other side's certificate, if it was verified in this session's handshake, or that of the resumed one. It may have
    /// expired since.
    public var peerCertificate: X509Certificate? {
        guard isEstablished, SSL_get_verify_result(pointer) == Int(X509_V_OK),
            let certificate = SSL_get0_peer_certificate(pointer)
        else { return nil }
        return X509Certificate(sharing: certificate)
    }

    /// The server's chain, its own certificate first. Empty on a server's side and for a resumed session.
    public var peerChain: [X509Certificate] {
        guard isEstablished, !context.isServer, let chain = SSL_get_peer_cert_chain(pointer) else { return [] }
        return (0..<OPENSSL_sk_num(chain)).compactMap { index in
            OPENSSL_sk_value(chain, index).flatMap { X509Certificate(sharing: OpaquePointer($0)) }
        }
    }

    /// A verification callback that stores a refused certificate for ``TLSDiagnosis``, without changing the verdict.
    static let noteRefusal: @convention(c) (Int32, OpaquePointer?) -> Int32 = { verdict, chain in
        guard verdict != 1, let chain, let certificate = X509_STORE_CTX_get0_cert(chain),
            let session = X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx()),
            let owner = SSL_get_ex_data(OpaquePointer(session), 0)
        else { return verdict }
        Unmanaged<TLSSession>.fromOpaque(owner).takeUnretainedValue().refused = X509Certificate(sharing: certificate)
        return verdict
    }

    private var diagnosis: TLSDiagnosis {
        TLSDiagnosis(
            isServer: context.isServer, isPinned: context.isPinned, isHandshakeDone: isEstablished, refused: refused)
    }

    /// - Parameter call: returns nil on failure.
    private func take(_ call: () -> Int?) -> TLSStep {
        guard !isBroken else { return .failed(TLSError(.closed, "the connection broke")) }
        // An earlier call's error would be taken for this one's.
        ERR_clear_error()
        errno = 0
        if let count = call() { return .done(count) }
        let system = errno
        // -1 stands for the failed call's result.
        switch SSL_get_error(pointer, -1) {
        case SSL_ERROR_WANT_READ: return .wantRead
        case SSL_ERROR_WANT_WRITE: return .wantWrite
        case SSL_ERROR_ZERO_RETURN: return .closed
        case SSL_ERROR_SYSCALL:
            isBroken = true
            return .failed(diagnosis.error(system: system))
        default:
            isBroken = true
            return .failed(diagnosis.error(pointer))
        }
    }
}
