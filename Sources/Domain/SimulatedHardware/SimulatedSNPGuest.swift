import Bytes
import Crypto
public import Evidence
import Formats

/// An SNP guest that asks for its secret, in the form of libkrun's client (v1.7.0 to v1.19.0; kbs-types before 0.6).
public struct SimulatedSNPGuest: Sendable {
    public let workload: String
    /// The report that its hardware makes, without the binding to a challenge.
    public var template: ReportTemplate
    public let signer: SimulatedSNPPlatform.SigningKey
    /// The certificates that it sends with the report.
    public var certificates: [Evidence.Certificate]
    /// Its `gen`, the processor generation.
    public var generation: String
    private let key: Key
    /// Standard base64.
    public let modulus: String
    public let exponent: String

    /// The key that its secret is encrypted to: RSA, 2,048 bits.
    public struct Key: Sendable {
        let privateKey: RSA.Encryption.PrivateKey

        /// Makes one, which takes a moment.
        public init() throws { privateKey = try RSA.Encryption.PrivateKey(keySize: .bits2048) }
    }

    /// - Parameter key: `nil` makes a new one.
    public init(
        workload: String, on platform: SimulatedSNPPlatform, measurement: [UInt8], tcb: TCBVersion,
        signer: SimulatedSNPPlatform.SigningKey, key: Key? = nil
    ) throws {
        self.workload = workload
        self.signer = signer
        template = ReportTemplate(of: platform, tcb: tcb)
        template.measurement = measurement
        certificates = [signer.certificate, platform.ask, platform.ark]
        generation = platform.product.rawValue.lowercased()
        self.key = try key ?? Key()
        modulus = self.key.privateKey.publicKey.modulus.base64
        exponent = self.key.privateKey.publicKey.publicExponent.base64
    }

    /// The broker's challenge.
    public struct Challenge: Sendable {
        public let nonce: String
        public let cookie: String
    }

    /// `POST /auth`.
    public func challenge(over transport: GuestTransport) async throws -> Challenge {
        let parameters: JSONValue = ["workload_id": .text(workload)]
        let message: JSONValue = ["version": "0.0.0", "tee": "snp", "extra-params": .text(parameters.encodedText)]
        let reply = try await transport.demand(.post, "/auth", message.encoded)
        let nonce = try JSON(reply.body).member("nonce").text()
        guard let cookie = reply.cookie else { throw MalformedInput("reply to /auth", "it sets no cookie") }
        return Challenge(nonce: nonce, cookie: cookie)
    }

    /// The body for `POST /attest`: a fresh report, bound to the nonce and the guest's key.
    public func evidence(for nonce: String) throws -> [UInt8] {
        var report = template
        report.reportData = Array(SHA512.hash(data: Array((nonce + modulus + exponent).utf8)))
        return try evidence(report: report.signed(by: signer))
    }

    /// The body for `POST /attest` with a given report.
    public func evidence(report: [UInt8]) throws -> [UInt8] {
        let table = JSONValue.array(certificates.map { .text($0.der.base64) })
        let evidence: JSONValue = [
            "report": .text(Hex.encode(report).uppercased()), "cert_chain": .text(table.encodedText),
            "gen": .text(generation),
        ]
        let message: JSONValue = [
            "tee-pubkey": ["alg": "RSA", "k-mod": .text(modulus), "k-exp": .text(exponent)],
            "tee-evidence": .text(evidence.encodedText),
        ]
        return message.encoded
    }

    /// `POST /attest`.
    public func attest(_ challenge: Challenge, over transport: GuestTransport) async throws {
        let reply = try await transport.demand(
            .post, "/attest", try evidence(for: challenge.nonce), cookie: challenge.cookie)
        // libkrun's client treats any text as an error.
        guard reply.body.isEmpty else { throw GuestTransport.Refused(reply) }
    }

    /// `GET /key/<id>`, decrypted.
    public func fetchKey(_ id: String? = nil, cookie: String, over transport: GuestTransport) async throws -> [UInt8] {
        try decrypt(try await transport.demand(.get, "/key/\(id ?? workload)", cookie: cookie).text)
    }

    /// Decrypts the reply to `GET /key/<id>`.
    public func decrypt(_ reply: String) throws -> [UInt8] {
        let text = try JSON(Array(reply.utf8)).text()
        guard let ciphertext = Hex.decode(text) else { throw MalformedInput("reply to /key", "it is not hex") }
        return try key.privateKey.decrypt(ciphertext, padding: .insecurePKCS1v1_5)
    }

    /// All three calls.
    public func boot(over transport: GuestTransport) async throws -> [UInt8] {
        let challenge = try await challenge(over: transport)
        try await attest(challenge, over: transport)
        return try await fetchKey(cookie: challenge.cookie, over: transport)
    }
}
