import Evidence
import Foundation
import NIOHTTP1

/// The virtee handshake from the guest's side, once through: auth, attest, key. docs/virtee.md describes it.
struct Handshake {
    /// The broker cannot answer now, or cannot be reached. The whole handshake may be tried again, with a
    /// new challenge: a challenge is answered once only.
    struct Postponed: Error {
        let reason: String
        /// What the broker asked for.
        var retryAfter: Duration?
    }

    let workload: String
    let exchange: HTTPExchange
    let device: any EvidenceDevice
    let key: GuestKeyPair
    let deadline: ContinuousClock.Instant

    /// - Throws: ``Postponed``, or a ``GuestFailure`` that is final.
    func run() async throws -> ReleasedSecret {
        let (nonce, cookie) = try await challenge()
        let evidence = try await device.evidence(reportData: key.reportData(nonce: nonce))
        let answer = try await send(.POST, "/attest", try AttestMessage(key, evidence).json(), cookie: cookie)
        guard answer.body.isEmpty else { throw unexpected("attest", "it has a body: \(Self.printable(answer.text))") }
        let reply = try await send(.GET, "/key/\(Self.escaped(workload))", cookie: cookie)
        guard let digits = try? JSONDecoder().decode(String.self, from: reply.body), let bytes = Hex.decode(digits)
        else { throw unexpected("key", "it is not a JSON string of hex digits") }
        return try key.decrypt(bytes)
    }

    private func challenge() async throws -> (nonce: String, cookie: String) {
        let reply = try await send(.POST, "/auth", try AuthMessage(workload: workload).json())
        struct Challenge: Decodable { let nonce: String }
        guard let nonce = (try? JSONDecoder().decode(Challenge.self, from: reply.body))?.nonce,
            (Hex.decode(nonce)?.count ?? 0) >= 16, nonce.utf8.count <= 128
        else { throw unexpected("auth", "it has no nonce of at least 32 hex digits") }
        guard let cookie = Self.session(in: reply.headers) else { throw unexpected("auth", "it sets no session_id") }
        return (nonce, cookie)
    }

    private func send(
        _ method: HTTPMethod, _ path: String, _ body: Data? = nil, cookie: String? = nil
    ) async throws -> HTTPExchange.Reply {
        let left = ContinuousClock.now.duration(to: deadline)
        guard left > .zero else { throw Postponed(reason: "The time is over.") }
        let reply: HTTPExchange.Reply
        do {
            reply = try await exchange.send(method, "/kbs/v0\(path)", body: body, cookie: cookie, within: left)
        } catch let failure as HTTPExchange.Failure {
            if failure.isTransient { throw Postponed(reason: failure.description) }
            throw GuestFailure(.unreachable, failure.description)
        }
        switch reply.status {
        case 200..<300: return reply
        case 408, 429, 500...:
            let wait = reply.headers.first(name: "Retry-After").flatMap { UInt32($0) }
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

    /// The value of the cookie `session_id`, if it is one that can be sent back.
    static func session(in headers: HTTPHeaders) -> String? {
        for header in headers["Set-Cookie"] {
            let pair = header.prefix { $0 != ";" }.split(separator: "=", maxSplits: 1)
            guard pair.count == 2, pair[0].trimmingCharacters(in: .whitespaces) == "session_id" else { continue }
            let value = pair[1].trimmingCharacters(in: .whitespaces)
            let isToken = value.utf8.allSatisfy { (0x21...0x7E).contains($0) && !#"",;\"#.utf8.contains($0) }
            if !value.isEmpty, value.utf8.count <= 4_096, isToken { return value }
        }
        return nil
    }

    /// An answer's text, safe for a console: one line, no control characters, not too long.
    static func printable(_ text: String) -> String {
        let line = text.prefix(1_000).map { $0.isNewline ? " " : $0 }
        return String(
            String.UnicodeScalarView(String(line).unicodeScalars.filter { $0.properties.generalCategory != .control }))
    }

    private static func escaped(_ id: String) -> String {
        id.addingPercentEncoding(
            withAllowedCharacters: .alphanumerics.intersection(.urlPathAllowed).union(.init(charactersIn: "-._~")))
            ?? ""
    }
}

/// `POST /auth`, in the form that all servers read: extra-params as a string that holds JSON.
private struct AuthMessage: Encodable {
    let version = "0.0.0"
    let tee = "snp"
    let parameters: String

    enum CodingKeys: String, CodingKey {
        case version, tee
        case parameters = "extra-params"
    }

    init(workload: String) throws {
        parameters = String(decoding: try JSONEncoder().encode(["workload_id": workload]), as: UTF8.self)
    }

    func json() throws -> Data { try JSONEncoder().encode(self) }
}

/// `POST /attest`. `tee-evidence` and `cert_chain` are strings that hold JSON.
private struct AttestMessage: Encodable {
    let publicKey: [String: String]
    let evidence: String

    enum CodingKeys: String, CodingKey {
        case publicKey = "tee-pubkey"
        case evidence = "tee-evidence"
    }

    init(_ key: GuestKeyPair, _ evidence: GuestEvidence) throws {
        publicKey = ["kty": "RSA", "alg": "RSA", "k-mod": key.modulus, "k-exp": key.exponent]
        let chain = try JSONEncoder().encode(evidence.certificates.map { Data($0.der).base64EncodedString() })
        var fields = [
            "report": Hex.encode(evidence.report.bytes).uppercased(),
            "cert_chain": String(decoding: chain, as: UTF8.self),
        ]
        // Version 2 reports do not say; the broker then takes it from the certificate.
        if let product = evidence.report.product { fields["gen"] = product.rawValue.lowercased() }
        self.evidence = String(decoding: try JSONEncoder().encode(fields), as: UTF8.self)
    }

    func json() throws -> Data { try JSONEncoder().encode(self) }
}
