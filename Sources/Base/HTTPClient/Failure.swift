import CCurl
import Glibc
import HTTP

extension HTTPClientError {
    static let exhausted = HTTPClientError(
        .system, "No request can be sent: the process has no memory, thread or descriptor left for it.")
}

/// libcurl's error codes as sentences.
extension Transfer {
    func result(_ code: CURLcode) -> Result<HTTPClientResponse, HTTPClientError> {
        guard code == CURLE_OK else { return .failure(failure(code)) }
        let response = response()
        // Without a tunnel, the proxy's own refusal arrives as the response.
        if let proxy, destination.scheme == .http, response.status.code == 407 {
            return .failure(Self.refusal(of: proxy, 407, destination))
        }
        return .success(response)
    }

    private func failure(_ code: CURLcode) -> HTTPClientError {
        let name = destination.name
        if let proxy, let failure = failure(code, of: proxy) { return failure }
        switch code {
        case CURLE_COULDNT_RESOLVE_HOST:
            return HTTPClientError(
                .name, "The name \(destination.host) has no address: is it spelled right, and does DNS work here?")
        case CURLE_COULDNT_CONNECT: return connectionFailure
        case CURLE_OPERATION_TIMEDOUT: return timeout(through: nil)
        case CURLE_PEER_FAILED_VERIFICATION: return certificateFailure
        case CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CIPHER: return handshakeFailure
        case CURLE_SSL_CACERT_BADFILE:
            return HTTPClientError(
                .certificate,
                hasOwnAuthorities
                    ? "The authorities for \(name) are not certificates in PEM."
                    : "This machine has no certificate authorities to check \(name) by: install ca-certificates, or "
                        + "\(trustAdvice).")
        case CURLE_WRITE_ERROR where excess != nil, CURLE_RECV_ERROR where excess != nil:
            return HTTPClientError(
                .size,
                excess == .head
                    ? "The header of \(name)'s response is too long."
                    : "The response of \(name) is longer than \(limit) bytes.")
        case CURLE_GOT_NOTHING, CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_PARTIAL_FILE:
            return handshakeEnded
                ?? HTTPClientError(.interrupted, "\(name) closed the connection before its response was complete.")
        case CURLE_UNSUPPORTED_PROTOCOL, CURLE_WEIRD_SERVER_REPLY, CURLE_BAD_CONTENT_ENCODING:
            return HTTPClientError(
                .notHTTP,
                destination.scheme == .http
                    ? "\(name) does not speak HTTP: if it expects TLS, use https://."
                    : "\(name) does not speak HTTP.")
        case CURLE_OUT_OF_MEMORY, CURLE_FAILED_INIT: return .exhausted
        default: return HTTPClientError(.interrupted, "The exchange with \(name) broke off (\(code.rawValue)).")
        }
    }

    // MARK: Connecting

    private var connectionFailure: HTTPClientError {
        let name = destination.name
        switch Int32(clamping: number(CURLINFO_OS_ERRNO)) {
        case ECONNREFUSED where destination.socket != nil:
            return HTTPClientError(.refused, "Nothing listens on \(name): is the server running?")
        case ECONNREFUSED:
            return HTTPClientError(
                .refused, "Nothing listens on \(name): is the server running, and is that its port?")
        case ENOENT, ENOTDIR:
            return HTTPClientError(.refused, "The file of \(name) does not exist: is the server running?")
        case EACCES where destination.socket != nil, EPERM where destination.socket != nil:
            return HTTPClientError(
                .unreachable, "User \(geteuid()) may not use \(name): see its owner, group and mode.")
        case ETIMEDOUT: return HTTPClientError(.time, "Connecting to \(name) timed out.")
        case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .exhausted
        default:
            return HTTPClientError(
                .unreachable, "\(name) is unreachable: is the network up, and the address right?")
        }
    }

    /// Whether TCP was connected. libcurl's connect time is set only after the TLS handshake.
    private var isConnected: Bool { destination.socket != nil || number(CURLINFO_LOCAL_PORT) != 0 }

    /// The error of a timeout, by the step that was reached.
    private func timeout(through proxy: Proxy?) -> HTTPClientError {
        let name = destination.name
        let route = proxy.map { " through the proxy \($0.name)" } ?? ""
        let time = timeoutText
        if !has(CURLINFO_NAMELOOKUP_TIME_T) {
            return HTTPClientError(
                .time,
                "The name \(proxy?.name ?? destination.host) was not resolved within \(time): does DNS work here?")
        }
        if !isConnected {
            return HTTPClientError(
                .time,
                "Connecting to \(name)\(route) took longer than \(time): is it running, and does a firewall let this "
                    + "through?")
        }
        if destination.scheme == .https, !has(CURLINFO_APPCONNECT_TIME_T) {
            return HTTPClientError(.time, "The TLS handshake with \(name)\(route) took longer than \(time).")
        }
        return HTTPClientError(.time, "\(name)\(route) did not answer within \(time).")
    }

    private var timeoutText: String {
        let (seconds, attoseconds) = timeout.components
        if attoseconds == 0 { return seconds == 1 ? "a second" : "\(seconds) seconds" }
        return "\(seconds * 1_000 + attoseconds / 1_000_000_000_000_000) ms"
    }

    // MARK: TLS

    private var certificateFailure: HTTPClientError {
        let verdict = CertificateVerdict(number(CURLINFO_SSL_VERIFYRESULT), names: certificateNames)
        return HTTPClientError(.certificate, verdict.sentence(destination, trustAdvice))
    }

    /// Classifies OpenSSL's text: libcurl gives nothing else.
    private var handshakeFailure: HTTPClientError {
        let name = destination.name
        let text = errorText
        func has(_ words: String...) -> Bool { words.contains { text.contains($0) } }
        if has("wrong version number", "packet length too long", "http request", "record layer failure") {
            return HTTPClientError(.tls, "\(name) does not speak TLS: use http://, or the port where it speaks TLS.")
        }
        if has("certificate required", "alert bad certificate", "alert unknown ca", "alert certificate") {
            return HTTPClientError(.tls, "\(name) requires a client certificate, which is not supported.")
        }
        if has("protocol version", "unsupported protocol", "no protocols available") {
            return HTTPClientError(
                .tls, "\(name) and this client have no version of TLS in common: 1.2 or 1.3 is needed.")
        }
        if has("handshake failure", "no shared cipher", "insufficient security") {
            return HTTPClientError(.tls, "\(name) and this client have no TLS cipher suite in common.")
        }
        if has("unrecognized name") {
            return HTTPClientError(.tls, "\(name) has no certificate for the name \(destination.host).")
        }
        if has("key too small", "dh key too small", "md too weak") {
            return HTTPClientError(.tls, "\(name) has a key that is too weak for this system's security level.")
        }
        if has("certificate verify failed") || has("routines") && !has("SSL routines") {
            // An invalid signature, e.g. by another authority of the same name: OpenSSL's first error is then its
            // decoder's, which libcurl does not recognise.
            return HTTPClientError(.certificate, CertificateVerdict.unknownAuthority.sentence(destination, trustAdvice))
        }
        if has("SSL_ERROR_SYSCALL", "unexpected eof", "Connection reset"), let ended = handshakeEnded { return ended }
        return HTTPClientError(.tls, "The TLS handshake with \(name) failed.")
    }

    /// The error of a connection that the server closed during the TLS handshake.
    private var handshakeEnded: HTTPClientError? {
        guard destination.scheme == .https, isConnected, !has(CURLINFO_APPCONNECT_TIME_T) else { return nil }
        return HTTPClientError(
            .interrupted, "\(destination.name) closed the connection during the TLS handshake: does it speak TLS there?"
        )
    }

    // MARK: Proxies

    /// - Returns: nil when the proxy is not the cause.
    private func failure(_ code: CURLcode, of proxy: Proxy) -> HTTPClientError? {
        let (name, variable) = (proxy.name, proxy.variable)
        switch code {
        case CURLE_COULDNT_RESOLVE_PROXY:
            return HTTPClientError(.proxy, "The name of the proxy \(name) (\(variable)) has no address.")
        case CURLE_COULDNT_CONNECT:
            return HTTPClientError(.proxy, "The proxy \(name) (\(variable)) cannot be reached.")
        case CURLE_OPERATION_TIMEDOUT: return timeout(through: proxy)
        case CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_GOT_NOTHING, CURLE_PROXY:
            let answer = number(CURLINFO_HTTP_CONNECTCODE)
            if answer != 0, !(200..<300).contains(answer) { return Self.refusal(of: proxy, answer, destination) }
            guard answer == 0 else { return nil }
            return HTTPClientError(
                .proxy,
                "The proxy \(name) (\(variable)) closed the connection: does it speak HTTP, and let requests through to "
                    + "\(destination.name)?")
        default: return nil
        }
    }

    private static func refusal(of proxy: Proxy, _ status: Int, _ destination: Destination) -> HTTPClientError {
        if status == 407 {
            return HTTPClientError(
                .proxy,
                proxy.user == nil
                    ? "The proxy \(proxy.name) requires a user and password: put them into \(proxy.variable), before an @."
                    : "The proxy \(proxy.name) refuses the user and password of \(proxy.variable).")
        }
        return HTTPClientError(
            .proxy,
            "The proxy \(proxy.name) refuses to connect to \(destination.name) (status \(status)): allow it there, or "
                + "add the name to no_proxy.")
    }
}

/// OpenSSL's result for a server's certificate.
private struct CertificateVerdict {
    /// An `X509_V_ERR_` number; 0 and 1 for a valid chain with another name.
    private let number: Int
    /// The certificate's names.
    private let names: [String]

    init(_ number: Int, names: [String] = []) { (self.number, self.names) = (number, names) }

    static let unknownAuthority = CertificateVerdict(20)

    func sentence(_ destination: Destination, _ advice: String) -> String {
        let name = destination.name
        return switch number {
        case 0, 1, 62, 64:
            "The certificate of \(name) is for another name than \(destination.host)"
                + (names.isEmpty
                    ? ", and has none: issue one with this name."
                    : ": it has \(names.joined(separator: ", ")). Use one of those in the URL, or a certificate with this "
                        + "one.")
        case 9: "The certificate of \(name) is not valid yet: compare the clocks of the two machines."
        case 10: "The certificate of \(name), or one of its authorities, has expired: it must be renewed there."
        case 18: "The certificate of \(name) is self-signed and not trusted: \(advice)."
        case 2, 19, 20, 21, 27, 28:
            "The certificate of \(name) is of an unknown authority and not trusted: \(advice)."
        case 23: "The certificate of \(name) has been revoked."
        case 26: "The certificate of \(name) is not for servers."
        case 66, 67, 68:
            "The certificate of \(name), or one of its authorities, is too weak for this system's security level."
        case 24, 25, 22, 32, 79: "The certificate of \(name) was issued by one that is not an authority's: \(advice)."
        default: "The certificate of \(name) is not trusted (X.509 error \(number)): \(advice)."
        }
    }
}
