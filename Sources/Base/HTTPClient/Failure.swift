import CCurl
import Glibc
import HTTP

extension HTTPClientError {
    static let outOfMeans = HTTPClientError(
        .system, "No request can be sent: the process has no memory, thread or descriptor left for it.")
}

/// What libcurl's codes mean to people.
extension Transfer {
    func result(_ code: CURLcode) -> Result<HTTPClientResponse, HTTPClientError> {
        guard code == CURLE_OK else { return .failure(failure(code)) }
        let response = response()
        // Where the proxy passes the request on as a whole, its own refusal comes as if it were the answer.
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
                    ? "The authorities that \(name) is to be checked by are no certificates in PEM."
                    : "This machine has no certificate authorities to check \(name) by: install ca-certificates, or "
                        + "\(trustAdvice).")
        case CURLE_SSL_CERTPROBLEM:
            return HTTPClientError(
                .request,
                "The client's certificate and key for \(name) cannot be used: they must belong together, in "
                    + "PEM, the key without a passphrase.")
        case CURLE_WRITE_ERROR where excess != nil, CURLE_RECV_ERROR where excess != nil:
            return HTTPClientError(
                .size,
                excess == .head
                    ? "The header of \(name)'s answer is too long."
                    : "The answer of \(name) is longer than \(limit) bytes.")
        case CURLE_GOT_NOTHING, CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_PARTIAL_FILE:
            return handshakeEnded
                ?? HTTPClientError(.interrupted, "\(name) closed the connection before its answer was complete.")
        case CURLE_UNSUPPORTED_PROTOCOL, CURLE_WEIRD_SERVER_REPLY, CURLE_BAD_CONTENT_ENCODING:
            return HTTPClientError(
                .notHTTP,
                destination.scheme == .http
                    ? "\(name) does not answer in HTTP: if it expects TLS, use https://."
                    : "\(name) does not answer in HTTP.")
        case CURLE_OUT_OF_MEMORY, CURLE_FAILED_INIT: return .outOfMeans
        default: return HTTPClientError(.interrupted, "The exchange with \(name) broke off (\(code.rawValue)).")
        }
    }

    // MARK: Connecting

    private var connectionFailure: HTTPClientError {
        let name = destination.name
        switch Int32(clamping: number(CURLINFO_OS_ERRNO)) {
        case ECONNREFUSED where destination.socket != nil:
            return HTTPClientError(.refused, "Nobody listens on \(name): is the server running?")
        case ECONNREFUSED:
            return HTTPClientError(
                .refused, "Nobody listens on \(name): is the server running, and is that its port?")
        case ENOENT, ENOTDIR:
            return HTTPClientError(.refused, "There is no socket there: \(name). Is the server running?")
        case EACCES where destination.socket != nil, EPERM where destination.socket != nil:
            return HTTPClientError(
                .unreachable, "User \(geteuid()) may not use \(name): see its owner, group and mode.")
        case ETIMEDOUT: return HTTPClientError(.time, "No connection to \(name) came about in time.")
        case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .outOfMeans
        default:
            return HTTPClientError(
                .unreachable, "No way leads to \(name): is the network up, and the address right?")
        }
    }

    /// Whether there was a connection, with TLS on it or not yet: libcurl's time of connecting is taken after TLS.
    private var isConnected: Bool { destination.socket != nil || number(CURLINFO_LOCAL_PORT) != 0 }

    /// How far it had come when the time was over.
    private func timeout(through proxy: Proxy?) -> HTTPClientError {
        let name = destination.name
        let way = proxy.map { " through the proxy \($0.name)" } ?? ""
        let time = timeoutText
        if !has(CURLINFO_NAMELOOKUP_TIME_T) {
            return HTTPClientError(
                .time,
                "The name \(proxy?.name ?? destination.host) was not resolved within \(time): does DNS work here?")
        }
        if !isConnected {
            return HTTPClientError(
                .time,
                "No connection to \(name)\(way) came about within \(time): is it running, and does a firewall let "
                    + "this through?")
        }
        if destination.scheme == .https, !has(CURLINFO_APPCONNECT_TIME_T) {
            return HTTPClientError(.time, "The TLS handshake with \(name)\(way) did not end within \(time).")
        }
        return HTTPClientError(.time, "\(name)\(way) did not answer within \(time).")
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

    /// libcurl tells no more than OpenSSL's text, so what is needed is looked for in it.
    private var handshakeFailure: HTTPClientError {
        let name = destination.name
        let text = complaintText
        func has(_ words: String...) -> Bool { words.contains { text.contains($0) } }
        if has("wrong version number", "packet length too long", "http request", "record layer failure") {
            return HTTPClientError(.tls, "\(name) does not speak TLS: use http://, or the port where it speaks TLS.")
        }
        if has("certificate required", "alert bad certificate", "alert unknown ca", "alert certificate") {
            return HTTPClientError(.tls, "\(name) wants a client certificate, or does not take this one.")
        }
        if has("protocol version", "unsupported protocol", "no protocols available") {
            return HTTPClientError(
                .tls, "\(name) and this client have no version of TLS in common: 1.2 or 1.3 is needed.")
        }
        if has("handshake failure", "no shared cipher", "insufficient security") {
            return HTTPClientError(.tls, "\(name) and this client have no way of TLS in common.")
        }
        if has("unrecognized name") {
            return HTTPClientError(.tls, "\(name) has no certificate for the name \(destination.host).")
        }
        if has("key too small", "dh key too small", "md too weak") {
            return HTTPClientError(.tls, "\(name) has a key that is too weak for this machine's rules.")
        }
        if has("certificate verify failed") || has("routines") && !has("SSL routines") {
            // A signature that does not fit its key: an authority of the same name, say. OpenSSL's first complaint is
            // then of its own decoder's, and libcurl does not see through it.
            return HTTPClientError(.certificate, CertificateVerdict.unknownAuthority.sentence(destination, trustAdvice))
        }
        if has("SSL_ERROR_SYSCALL", "unexpected eof", "Connection reset"), let ended = handshakeEnded { return ended }
        return HTTPClientError(.tls, "The TLS handshake with \(name) failed.")
    }

    /// When the server went away in the middle of the handshake.
    private var handshakeEnded: HTTPClientError? {
        guard destination.scheme == .https, isConnected, !has(CURLINFO_APPCONNECT_TIME_T) else { return nil }
        return HTTPClientError(
            .interrupted, "\(destination.name) closed the connection during the TLS handshake: does it speak TLS there?"
        )
    }

    // MARK: Proxies

    /// - Returns: nil when it is not the proxy's fault.
    private func failure(_ code: CURLcode, of proxy: Proxy) -> HTTPClientError? {
        let (name, place) = (proxy.name, proxy.variable)
        switch code {
        case CURLE_COULDNT_RESOLVE_PROXY:
            return HTTPClientError(.proxy, "The proxy's name has no address: \(name), of \(place).")
        case CURLE_COULDNT_CONNECT:
            return HTTPClientError(.proxy, "The proxy \(name), of \(place), cannot be reached.")
        case CURLE_OPERATION_TIMEDOUT: return timeout(through: proxy)
        case CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_GOT_NOTHING, CURLE_PROXY:
            let answer = number(CURLINFO_HTTP_CONNECTCODE)
            if answer != 0, !(200..<300).contains(answer) { return Self.refusal(of: proxy, answer, destination) }
            guard answer == 0 else { return nil }
            return HTTPClientError(
                .proxy,
                "The proxy \(name), of \(place), closed the connection: does it speak HTTP, and let requests "
                    + "through to \(destination.name)?")
        default: return nil
        }
    }

    private static func refusal(of proxy: Proxy, _ status: Int, _ destination: Destination) -> HTTPClientError {
        if status == 407 {
            return HTTPClientError(
                .proxy,
                proxy.user == nil
                    ? "The proxy \(proxy.name) wants a user and password: put them into \(proxy.variable), before an @."
                    : "The proxy \(proxy.name) does not take the user and password of \(proxy.variable).")
        }
        return HTTPClientError(
            .proxy,
            "The proxy \(proxy.name) does not pass on to \(destination.name) (it answered \(status)): have it allowed "
                + "there, or add the name to no_proxy.")
    }
}

/// What OpenSSL found of a server's certificate.
private struct CertificateVerdict {
    /// An `X509_V_ERR_` number; 0 and 1: the chain is good, and the name is another.
    private let number: Int
    /// Of the certificate.
    private let names: [String]

    init(_ number: Int, names: [String] = []) { (self.number, self.names) = (number, names) }

    static let unknownAuthority = CertificateVerdict(20)

    func sentence(_ destination: Destination, _ advice: String) -> String {
        let name = destination.name
        return switch number {
        case 0, 1, 62, 64:
            "The certificate of \(name) is for another name than \(destination.host)"
                + (names.isEmpty
                    ? ", and says none: it must be made anew with this one."
                    : ": it has \(names.joined(separator: ", ")). Use one of those in the URL, or a certificate with this "
                        + "one.")
        case 9: "The certificate of \(name) is not valid yet: compare the clocks of the two machines."
        case 10: "The certificate of \(name), or one that it rests on, has expired: it must be renewed there."
        case 18: "The certificate of \(name) is not trusted, it vouches for itself: \(advice)."
        case 2, 19, 20, 21, 27, 28:
            "The certificate of \(name) is not trusted, it is of an authority that is not known here: \(advice)."
        case 23: "The certificate of \(name) has been revoked."
        case 26: "The certificate of \(name) is not for servers."
        case 66, 67, 68: "The certificate of \(name), or one that it rests on, is too weak for this machine's rules."
        case 24, 25, 22, 32, 79: "The certificate of \(name) rests on one that may not vouch for others: \(advice)."
        default: "The certificate of \(name) is not trusted (X.509 error \(number)): \(advice)."
        }
    }
}
