import COpenSSL
import Glibc
import X509

/// Explains libssl's errors.
struct TLSDiagnosis {
    let isServer: Bool
    let isPinned: Bool
    let isHandshakeDone: Bool
    /// The other side's refused certificate.
    let refused: X509Certificate?

    /// The error of a call that failed with `SSL_ERROR_SSL`. Clears this thread's error queue.
    func error(_ session: OpaquePointer) -> TLSError {
        let reason = Self.firstReason()
        guard let reason else { return other(0) }
        if reason >= SSL_AD_REASON_OFFSET { return alert(reason - SSL_AD_REASON_OFFSET) }
        switch reason {
        case SSL_R_CERTIFICATE_VERIFY_FAILED:
            return certificate(Int32(truncatingIfNeeded: SSL_get_verify_result(session)), session)
        case SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST:
            return TLSError(.plainHTTP, "plain HTTP came to a port of TLS: the client should use https://")
        case SSL_R_WRONG_VERSION_NUMBER, SSL_R_PACKET_LENGTH_TOO_LONG, SSL_R_RECORD_LENGTH_MISMATCH:
            if isHandshakeDone { return other(reason) }
            return isServer
                ? TLSError(.notTLS, "what came is not TLS")
                : TLSError(.notTLS, "it answers without TLS: use http://, or the port for https://")
        case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_UNSUPPORTED_SSL_VERSION, SSL_R_VERSION_TOO_LOW, SSL_R_VERSION_TOO_HIGH,
            SSL_R_UNKNOWN_PROTOCOL, SSL_R_NO_PROTOCOLS_AVAILABLE, SSL_R_WRONG_SSL_VERSION:
            return version
        case SSL_R_INAPPROPRIATE_FALLBACK:
            return TLSError(.version, "an attacker in between has forced an older version of TLS")
        case SSL_R_NO_SHARED_CIPHER, SSL_R_NO_CIPHERS_AVAILABLE, SSL_R_NO_CIPHER_MATCH, SSL_R_NO_SUITABLE_KEY_SHARE,
            SSL_R_NO_SUITABLE_GROUPS, SSL_R_NO_SHARED_GROUPS, SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM,
            SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
            return cipher
        case SSL_R_UNEXPECTED_EOF_WHILE_READING: return closed
        case SSL_R_EE_KEY_TOO_SMALL, SSL_R_CA_KEY_TOO_SMALL, SSL_R_CA_MD_TOO_WEAK, SSL_R_DH_KEY_TOO_SMALL:
            return TLSError(.certificate, VerificationFailure.weak(SSL_get_security_level(session)))
        case SSL_R_NO_RENEGOTIATION: return TLSError(.violation, "it requests renegotiation, which is not supported")
        default: return other(reason)
        }
    }

    /// The first error of libssl in this thread's queue, which is the cause. Those of libcrypto are details. Clears the
    /// queue.
    private static func firstReason() -> Int32? {
        var found: Int32?
        while true {
            let code = ERR_get_error()
            guard code != 0 else { return found }
            if found == nil, ERR_GET_LIB(code) == ERR_LIB_SSL { found = ERR_GET_REASON(code) }
        }
    }

    /// The error of a call that failed with `SSL_ERROR_SYSCALL`.
    ///
    /// - Parameter code: `errno` of that call.
    func error(system code: Int32) -> TLSError {
        ERR_clear_error()
        switch code {
        case 0, EPIPE, ECONNRESET: return closed
        case ENOMEM, ENOBUFS: return TLSError(.resources, String(cString: strerror(code)))
        default: return TLSError(.closed, "the connection broke: \(String(cString: strerror(code)))")
        }
    }

    private var closed: TLSError {
        TLSError(.closed, isHandshakeDone ? "the connection broke" : "it hung up before TLS was agreed on")
    }

    private var version: TLSError {
        TLSError(
            .version, "the sides have no version of TLS in common: this side supports 1.2 and 1.3, or 1.3 alone")
    }

    private var cipher: TLSError { TLSError(.cipher, "there is no cipher suite that both sides support") }

    private func other(_ reason: Int32) -> TLSError {
        TLSError(isHandshakeDone ? .violation : .notTLS, "it violates the TLS protocol (reason \(reason))")
    }

    /// The error of an alert from the other side. Source: RFC 8446, section 6.
    private func alert(_ number: Int32) -> TLSError {
        let own =
            isServer
            ? "the client does not accept this server's certificate" : "it does not accept the certificate shown"
        switch number {
        case 40: return TLSError(.cipher, "it found nothing in common: no cipher suite, group or signature algorithm")
        case 42, 46: return TLSError(.refused, own)
        case 43: return TLSError(.refused, "\(own): it is for another use")
        case 44: return TLSError(.refused, "\(own): it was revoked")
        case 45: return TLSError(.refused, "\(own): it has expired")
        case 48: return TLSError(.refused, "\(own): it does not know the authority")
        case 51: return TLSError(.refused, "\(own): a signature is wrong")
        case 49: return TLSError(.refused, "it refuses the connection")
        case 70: return TLSError(.version, "it supports no version of TLS that this side supports")
        case 71: return TLSError(.cipher, "it requires stronger cryptography than this side offers")
        case 86: return TLSError(.version, "it reports that an attacker in between has forced an older version of TLS")
        case 90: return TLSError(.closed, "it has cancelled the handshake")
        case 112: return TLSError(.refused, "it does not serve that name")
        case 116: return TLSError(.refused, "it requires a client certificate")
        case 120: return TLSError(.refused, "it does not speak HTTP/1.1 there")
        default: return TLSError(.violation, "it has ended TLS with alert \(number)")
        }
    }

    /// The error of a refused chain.
    private func certificate(_ verdict: Int32, _ session: OpaquePointer) -> TLSError {
        guard !isPinned else { return TLSError(.certificate, "its key is not one of the pinned keys") }
        let failure = VerificationFailure(isServer: isServer, level: SSL_get_security_level(session))
        return TLSError(.certificate, failure.sentence(verdict, refused))
    }
}
