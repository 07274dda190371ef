import Crypto
public import Evidence
public import Foundation
public import SimulatedHardware

/// A guest that runs Confidential Containers' components: attests and fetches resources as they do, retries too.
/// Source: Trustee's kbs/docs/kbs_attestation_protocol.md, version 0.4.0; retries as guest-components' kbs_protocol has them.
public struct GuestComponents: Sendable {
    /// What vouches for the guest.
    public enum Hardware: Sendable {
        case snp(ReportTemplate, SimulatedSNPPlatform.SigningKey, certificates: [Evidence.Certificate])
        case sample(svn: String)
    }

    /// What the broker answered in place of what was wanted.
    public struct Refused: Error, CustomStringConvertible {
        public let status: UInt
        public let body: String

        /// The member of the error's JSON; `nil` when it is none.
        public var detail: String? { member("detail") }
        public var type: String? { member("type") }

        private func member(_ name: String) -> String? {
            (try? JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: String])?[name]
        }

        public var description: String { "\(status) \(body)" }
    }

    public struct Challenge: Sendable {
        public let nonce: String
        public let cookie: String
        public let hashAlgorithm: String

        public init(nonce: String, cookie: String, hashAlgorithm: String) {
            (self.nonce, self.cookie, self.hashAlgorithm) = (nonce, cookie, hashAlgorithm)
        }
    }

    public var hardware: Hardware
    public var key: GuestComponentKey
    public var version = "0.4.0"
    public var hashAlgorithms: [String]? = ["sha256", "sha384", "sha512", "sm3"]
    public var initData: String?
    public var additionalEvidence = ""
    /// The svn of a sample device beside the processor.
    public var sampleDevice: String?
    /// Whether the sample device answers another challenge.
    public var hasStaleDevice = false
    private let send: Send

    /// - Parameter send: how it reaches the broker.
    public init(_ hardware: Hardware, key: GuestComponentKey = .elliptic, sending send: @escaping Send) {
        self.hardware = hardware
        self.key = key
        self.send = send
    }

    // MARK: The handshake

    public func challenge() async throws -> Challenge {
        var request: [String: Any] = ["version": version, "tee": tee, "extra-params": ""]
        if let hashAlgorithms { request["extra-params"] = ["supported-hash-algorithms": hashAlgorithms] }
        let reply = try await send("POST", "/auth", try JSONSerialization.data(withJSONObject: request))
        guard reply.status == 200 else { throw reply.refused }
        guard let message = try JSONSerialization.jsonObject(with: reply.body) as? [String: Any],
            let nonce = message["nonce"] as? String, let cookie = reply.cookie
        else { throw reply.refused }
        let selected = (message["extra-params"] as? [String: String])?["selected-hash-algorithm"]
        return Challenge(nonce: nonce, cookie: cookie, hashAlgorithm: selected ?? "sha384")
    }

    /// The body of `POST /attest`.
    public func evidence(for challenge: Challenge) throws -> Data {
        let jwk = try key.jwk
        var additionalEvidence = additionalEvidence
        if let sampleDevice {
            let bound: [String: Any] = ["tee-pubkey": jwk, "nonce": hasStaleDevice ? "stale" : challenge.nonce]
            let canonical = try JSONSerialization.data(
                withJSONObject: bound, options: [.sortedKeys, .withoutEscapingSlashes])
            let data = Data(Self.digest(canonical, challenge.hashAlgorithm)).base64EncodedString()
            additionalEvidence = #"{"sampledevice":{"svn":"\#(sampleDevice)","report_data":"\#(data)"}}"#
        }
        let bound: [String: Any] = [
            "tee-pubkey": jwk, "nonce": challenge.nonce, "additional-evidence": additionalEvidence,
        ]
        // All of it is ASCII, so that sorted and compact is canonical.
        let canonical = try JSONSerialization.data(
            withJSONObject: bound, options: [.sortedKeys, .withoutEscapingSlashes])
        let digest = Self.digest(canonical, challenge.hashAlgorithm)
        let message: [String: Any] = [
            "init-data": initData.map { ["format": "toml", "body": $0] as Any } ?? NSNull(),
            "runtime-data": ["nonce": challenge.nonce, "tee-pubkey": jwk],
            "tee-evidence": [
                "primary_evidence": try primaryEvidence(digest + Array(repeating: 0, count: 64 - digest.count)),
                "additional_evidence": additionalEvidence,
            ],
        ]
        return try JSONSerialization.data(withJSONObject: message)
    }

    private static func digest(_ bytes: Data, _ algorithm: String) -> [UInt8] {
        switch algorithm {
        case "sha256": Array(SHA256.hash(data: bytes))
        case "sha512": Array(SHA512.hash(data: bytes))
        default: Array(SHA384.hash(data: bytes))
        }
    }

    private func primaryEvidence(_ reportData: [UInt8]) throws -> [String: Any] {
        switch hardware {
        case .sample(let svn): return ["svn": svn, "report_data": Data(reportData).base64EncodedString()]
        case .snp(var template, let signer, let certificates):
            template.reportData = reportData
            let report = try template.signed(by: signer)
            let kinds = ["VCEK", "ASK", "ARK"]
            return [
                "attestation_report": ReportFields.json(of: report),
                "cert_chain": certificates.enumerated().map {
                    ["cert_type": kinds[min($0, 2)], "data": $1.der.map(Int.init)] as [String: Any]
                },
            ]
        }
    }

    private var tee: String {
        switch hardware {
        case .snp: "snp"
        case .sample: "sample"
        }
    }

    /// - Returns: the token.
    public func attest(_ challenge: Challenge) async throws -> String {
        try await attest(challenge, evidence(for: challenge))
    }

    public func attest(_ challenge: Challenge, _ body: Data) async throws -> String {
        let reply = try await send("POST", "/attest", body, cookie: challenge.cookie)
        guard reply.status == 200,
            let message = try JSONSerialization.jsonObject(with: reply.body) as? [String: String],
            let token = message["token"]
        else { throw reply.refused }
        return token
    }

    // MARK: Resources

    public func fetch(_ path: String, cookie: String? = nil, token: String? = nil) async throws -> [UInt8] {
        let reply = try await send("GET", "/resource/\(path)", cookie: cookie, token: token)
        guard reply.status == 200 else { throw reply.refused }
        return try key.open(reply.body)
    }

    /// Attests and fetches, as the attestation agent does: after 401 it begins again, up to three times.
    ///
    /// - Returns: the resource, and how often it attested.
    public func get(_ path: String, startingWith cookie: String? = nil) async throws -> (
        resource: [UInt8], attestations: Int
    ) {
        var (cookie, attestations) = (cookie, 0)
        while true {
            do {
                guard let session = cookie else { throw Refused(status: 401, body: "") }
                return (try await fetch(path, cookie: session), attestations)
            } catch let refused as Refused where refused.status == 401 && attestations < 3 {
                cookie = try await attested().cookie
                attestations += 1
            }
        }
    }

    /// The same with a token, which it may have from another time.
    public func getWithToken(_ path: String, startingWith token: String) async throws -> (
        resource: [UInt8], attestations: Int
    ) {
        var (token, attestations) = (token, 0)
        while true {
            do {
                return (try await fetch(path, token: token), attestations)
            } catch let refused as Refused where refused.status == 401 && attestations < 3 {
                token = try await attested().token
                attestations += 1
            }
        }
    }

    /// Attests, and begins again when it is told to, up to five times in all.
    private func attested() async throws -> (cookie: String, token: String) {
        var attempts = 0
        while true {
            attempts += 1
            do {
                let challenge = try await challenge()
                return (challenge.cookie, try await attest(challenge))
            } catch let refused as Refused where refused.status == 401 && attempts < 5 {
                // The real one waits for a second.
                try await Task.sleep(for: .milliseconds(10))
            }
        }
    }

    // MARK: HTTP

    /// A request to the broker, and its answer.
    public typealias Send = @Sendable (Request) async throws -> Answer

    public struct Request: Sendable {
        public let method: String
        /// From the broker's root.
        public let path: String
        public let headers: [(name: String, value: String)]
        public let body: [UInt8]?
    }

    public struct Answer: Sendable {
        public let status: UInt
        /// The value of the first `Set-Cookie`.
        public let setCookie: String?
        public let body: [UInt8]

        public init(status: UInt, setCookie: String?, body: [UInt8]) {
            (self.status, self.setCookie, self.body) = (status, setCookie, body)
        }
    }

    private struct Reply {
        let status: UInt
        let cookie: String?
        let body: Data
        var refused: Refused { Refused(status: status, body: String(decoding: body, as: UTF8.self)) }
    }

    private func send(
        _ method: String, _ path: String, _ body: Data? = nil, cookie: String? = nil, token: String? = nil
    ) async throws -> Reply {
        var headers: [(name: String, value: String)] = []
        if let cookie { headers.append(("Cookie", "kbs-session-id=\(cookie)")) }
        if let token { headers.append(("Authorization", "Bearer \(token)")) }
        if body != nil { headers.append(("Content-Type", "application/json")) }
        let answer = try await send(
            Request(method: method, path: "/kbs/v0\(path)", headers: headers, body: body.map { Array($0) }))
        let set = answer.setCookie?.split(separator: ";").first
        let value = set.flatMap {
            $0.hasPrefix("kbs-session-id=") ? String($0.dropFirst("kbs-session-id=".count)) : nil
        }
        return Reply(status: answer.status, cookie: value, body: Data(answer.body))
    }
}
