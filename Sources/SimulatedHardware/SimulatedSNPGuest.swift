import Crypto
import CryptoExtras
public import Evidence
public import Foundation

/// An SNP guest that asks for its secret, in the form of libkrun's client.
public struct SimulatedSNPGuest: Sendable {
    public let workload: String
    /// The report that its hardware makes, but for what binds it to a challenge.
    public var template: ReportTemplate
    public let signer: SimulatedSNPPlatform.SigningKey
    /// Certificates that it sends along.
    public var certificates: [Evidence.Certificate]
    /// What it calls its processor.
    public var generation: String
    /// DER.
    private let privateKey: Data
    /// Standard base64.
    public let modulus: String
    public let exponent: String

    /// What a secret is encrypted to: RSA, 2,048 bits.
    public struct Key: Sendable {
        let der: Data
        let modulus: Data
        let exponent: Data

        /// Makes one, which takes a moment.
        public init() throws {
            let key = try _RSA.Encryption.PrivateKey(keySize: .bits2048)
            der = key.derRepresentation
            let numbers = try key.publicKey.getKeyPrimitives()
            (modulus, exponent) = (numbers.modulus, numbers.publicExponent)
        }
    }

    /// - Parameter key: `nil` for one of its own.
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
        let key = try key ?? Key()
        privateKey = key.der
        modulus = key.modulus.base64EncodedString()
        exponent = key.exponent.base64EncodedString()
    }

    /// What the broker wants answered.
    public struct Challenge: Sendable {
        public let nonce: String
        public let cookie: String
    }

    /// `POST /auth`.
    public func challenge(over transport: GuestTransport) async throws -> Challenge {
        let parameters = #"{\"workload_id\":\"\#(workload)\"}"#
        let body = #"{"version":"0.0.0","tee":"snp","extra-params":"\#(parameters)"}"#
        let reply = try await transport.demand(.post, "/auth", Data(body.utf8))
        struct Message: Decodable { let nonce: String }
        let message = try JSONDecoder().decode(Message.self, from: reply.body)
        guard let cookie = reply.cookie else { throw MalformedInput("reply to /auth", "it sets no cookie") }
        return Challenge(nonce: message.nonce, cookie: cookie)
    }

    /// The body for `POST /attest`: a fresh report, bound to the nonce and the guest's key.
    public func evidence(for nonce: String) throws -> Data {
        var report = template
        report.reportData = Array(SHA512.hash(data: Data((nonce + modulus + exponent).utf8)))
        return try evidence(report: report.signed(by: signer))
    }

    /// The same with a report that was made elsewhere.
    public func evidence(report: [UInt8]) throws -> Data {
        struct Message: Encodable {
            let publicKey: [String: String]
            let evidence: String
            enum CodingKeys: String, CodingKey {
                case publicKey = "tee-pubkey"
                case evidence = "tee-evidence"
            }
        }
        let table = try JSONEncoder().encode(certificates.map { Data($0.der).base64EncodedString() })
        let evidence = [
            "report": Hex.encode(report).uppercased(), "cert_chain": String(decoding: table, as: UTF8.self),
            "gen": generation,
        ]
        return try JSONEncoder().encode(
            Message(
                publicKey: ["alg": "RSA", "k-mod": modulus, "k-exp": exponent],
                evidence: String(decoding: try JSONEncoder().encode(evidence), as: UTF8.self)))
    }

    /// `POST /attest`.
    public func attest(_ challenge: Challenge, over transport: GuestTransport) async throws {
        let reply = try await transport.demand(
            .post, "/attest", try evidence(for: challenge.nonce), cookie: challenge.cookie)
        // libkrun's client takes any text for an error.
        guard reply.body.isEmpty else { throw GuestTransport.Refused(reply) }
    }

    /// `GET /key/<id>`, decrypted.
    public func fetchKey(_ id: String? = nil, cookie: String, over transport: GuestTransport) async throws -> [UInt8] {
        try decrypt(try await transport.demand(.get, "/key/\(id ?? workload)", cookie: cookie).text)
    }

    /// What the reply to `GET /key/<id>` holds.
    public func decrypt(_ reply: String) throws -> [UInt8] {
        let text = try JSONDecoder().decode(String.self, from: Data(reply.utf8))
        guard let ciphertext = Hex.decode(text) else { throw MalformedInput("reply to /key", "it is not hex") }
        let key = try _RSA.Encryption.PrivateKey(derRepresentation: privateKey)
        return Array(try key.decrypt(ciphertext, padding: ._WEAK_AND_INSECURE_PKCS_V1_5))
    }

    /// All three calls.
    public func boot(over transport: GuestTransport) async throws -> [UInt8] {
        let challenge = try await challenge(over: transport)
        try await attest(challenge, over: transport)
        return try await fetchKey(cookie: challenge.cookie, over: transport)
    }
}
