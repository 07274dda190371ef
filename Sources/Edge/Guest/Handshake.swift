import Bytes
import Evidence
import Formats
import HTTP

/// One virtee handshake from the guest's side: auth, attest, key. docs/virtee.md describes it.
struct Handshake {
    /// The broker cannot answer now, or is unreachable. Repeat the whole handshake, with a new challenge: a challenge
    /// is answered once only.
    struct Postponed: Error {
        let reason: String
        /// The broker's Retry-After.
        var retryAfter: Duration?
    }

    let workload: String
    let exchange: HTTPExchange
    let device: any EvidenceDevice
    let key: GuestKeyPair
    let deadline: ContinuousClock.Instant
    /// The longest wait for an answer: a replica that accepts a connection and never answers must not take the time of
    /// the others. The broker may ask AMD before it answers evidence, which therefore has three times as long.
    let callTimeout: Duration

    /// - Parameter tries: how many handshakes have failed. Each begins at another of the host's addresses.
    /// - Throws: ``Postponed``, or a ``GuestFailure`` that is final.
    func run(after tries: Int) async throws -> Secret {
        let (nonce, cookie) = try await challenge(after: tries)
        let evidence = try await device.evidence(reportData: key.reportData(nonce: nonce))
        let answer = try await send(
            .post, "/attest", Messages.attest(key, evidence), cookie: cookie, after: tries, within: callTimeout * 3)
        guard answer.body.isEmpty else { throw unexpected("attest", "it has a body: \(Self.printable(answer.text))") }
        let reply = try await send(
            .get, "/key/\(Self.escaped(workload))", cookie: cookie, after: tries, within: callTimeout)
        guard let digits = try? JSON(reply.body).text(), let bytes = Hex.decode(digits) else {
            throw unexpected("key", "it is not a JSON string of hex digits")
        }
        return try key.decrypt(bytes)
    }

    private func challenge(after tries: Int) async throws -> (nonce: String, cookie: String) {
        let reply = try await send(
            .post, "/auth", Messages.auth(workload: workload), after: tries, within: callTimeout)
        guard let nonce = try? JSON(reply.body).member("nonce").text(), (Hex.decode(nonce)?.count ?? 0) >= 16,
            nonce.utf8.count <= 128
        else { throw unexpected("auth", "it has no nonce of at least 32 hex digits") }
        guard let cookie = Self.session(in: reply.headers) else { throw unexpected("auth", "it sets no session_id") }
        return (nonce, cookie)
    }

    private func send(
        _ method: HTTPRequest.Method, _ path: String, _ body: [UInt8]? = nil, cookie: String? = nil,
        after tries: Int, within limit: Duration
    ) async throws -> HTTPExchange.Reply {
        let left = ContinuousClock.now.duration(to: deadline)
        guard left > .zero else { throw Postponed(reason: "The time is over.") }
        let reply: HTTPExchange.Reply
        do {
            reply = try await exchange.send(
                method, "/kbs/v0\(path)", body: body, cookie: cookie, beginningAt: tries, within: min(left, limit))
        } catch let failure as HTTPExchange.Failure {
            if failure.isTransient { throw Postponed(reason: failure.description) }
            throw GuestFailure(.unreachable, failure.description)
        }
        switch reply.status {
        case 200..<300: return reply
        case 408, 429, 500...:
            let wait = reply.headers[values: .retryAfter].first.flatMap { UInt32($0) }
            throw Postponed(
                reason: "The broker answered \(reply.status): \(Self.printable(reply.text))",
                retryAfter: wait.map { .seconds(Int64($0)) })
        default:
            throw GuestFailure(.refused, "The broker refused (\(reply.status)): \(Self.printable(reply.text))")
        }
    }

    private func unexpected(_ call: String, _ reason: String) -> GuestFailure {
        GuestFailure(.refused, "The answer to \(call) cannot be used: \(reason).")
    }

    /// The value of the cookie `session_id`, if it is valid in a request.
    static func session(in headers: HTTPFields) -> String? {
        for header in headers[values: .setCookie] {
            let pair = header.prefix { $0 != ";" }.split(separator: "=", maxSplits: 1)
            guard pair.count == 2, pair[0].trimmed == "session_id" else { continue }
            let value = pair[1].trimmed
            let isToken = value.utf8.allSatisfy { (0x21...0x7E).contains($0) && !#"",;\"#.utf8.contains($0) }
            if !value.isEmpty, value.utf8.count <= 4_096, isToken { return value }
        }
        return nil
    }

    /// An answer's text, safe for a console: one line, no control characters, not too long.
    static func printable(_ text: String) -> String {
        let line = String(text.prefix(1_000).map { $0.isNewline ? " " : $0 })
        return String(
            String.UnicodeScalarView(line.trimmed.unicodeScalars.filter { $0.properties.generalCategory != .control }))
    }

    /// Percent-encodes an id. Source of the unreserved characters: RFC 3986, section 2.3.
    private static func escaped(_ id: String) -> String {
        var text = ""
        for byte in id.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                text.unicodeScalars.append(Unicode.Scalar(byte))
            default: text += "%" + Hex.encode([byte]).uppercased()
            }
        }
        return text
    }
}

/// A guest's messages.
private enum Messages {
    /// `POST /auth`, in the form that all servers read: extra-params as a string that holds JSON.
    static func auth(workload: String) -> [UInt8] {
        let parameters: JSONValue = ["workload_id": .text(workload)]
        let message: JSONValue = ["version": "0.0.0", "tee": "snp", "extra-params": .text(parameters.encodedText)]
        return message.encoded
    }

    /// `POST /attest`. `tee-evidence` and `cert_chain` are strings that hold JSON.
    static func attest(_ key: GuestKeyPair, _ evidence: GuestEvidence) -> [UInt8] {
        let chain = JSONValue.array(evidence.certificates.map { .text($0.der.base64) })
        var fields: [JSONValue.Member] = [
            .init("report", .text(Hex.encode(evidence.report.bytes).uppercased())),
            .init("cert_chain", .text(chain.encodedText)),
        ]
        // Version 2 reports do not state the product; the broker then takes it from the certificate.
        if let product = evidence.report.product {
            fields.append(.init("gen", .text(product.rawValue.lowercased())))
        }
        let message: JSONValue = [
            "tee-pubkey": [
                "kty": "RSA", "alg": "RSA", "k-mod": .text(key.modulus), "k-exp": .text(key.exponent),
            ],
            "tee-evidence": .text(JSONValue.object(fields).encodedText),
        ]
        return message.encoded
    }
}
