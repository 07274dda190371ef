import Evidence
public import Foundation

/// A host that launches an SEV guest and gets its secret injected, in the form of libkrun's client.
public struct SimulatedSEVGuest: Sendable {
    public let workload: String
    public let platform: SimulatedSEVPlatform
    /// SHA-256 over the guest's memory, 32 bytes.
    public var digest: [UInt8]

    public init(workload: String, on platform: SimulatedSEVPlatform, digest: [UInt8]) {
        self.workload = workload
        self.platform = platform
        self.digest = digest
    }

    /// A guest over its channel, before it runs.
    public struct Launched: Sendable {
        public let cookie: String
        public let launch: SimulatedSEVPlatform.Launch
    }

    /// The body for `POST /auth`.
    public var request: Data {
        let chain = platform.chain
        func array(_ bytes: [UInt8]) -> String { "[\(bytes.map(String.init).joined(separator: ","))]" }
        let build = platform.build
        return Data(
            """
            {"version":"0.0.0","tee":"sev","extra-params":{"workload_id":"\(workload)",\
            "build":{"version":{"major":\(build.major),"minor":\(build.minor)},"build":\(build.build)},\
            "chain":{"ca":{"ask":\(array(chain.ask.bytes)),"ark":\(array(chain.ark.bytes))},\
            "sev":{"pdh":\(array(chain.pdh.bytes)),"pek":\(array(chain.pek.bytes)),\
            "oca":\(array(chain.oca.bytes)),"cek":\(array(chain.cek.bytes))}}}}
            """.utf8)
    }

    /// `POST /auth`, then LAUNCH_START.
    public func start(over transport: GuestTransport) async throws -> Launched {
        let reply = try await transport.demand(.post, "/auth", request)
        let start = try JSONDecoder().decode(ChallengeMessage.self, from: reply.body).parameters.start
        let policy = SEVLaunchPolicy(
            flags: .init(rawValue: start.policy.flags.bits),
            minimumFirmware: (start.policy.minfw.major, start.policy.minfw.minor))
        // The last SEV client refuses a policy without this.
        guard policy.flags.contains(.esRequired) else {
            throw MalformedInput("launch policy", "SEV-ES is not required")
        }
        let session = SEVLaunchSession(
            nonce: start.session.nonce, wrappedKeys: start.session.wrap_tk,
            initializationVector: start.session.wrap_iv, wrapMAC: start.session.wrap_mac,
            policyMAC: start.session.policy_mac)
        guard let cookie = reply.cookie,
            let launch = try platform.launch(session, from: SEVCertificate(bytes: start.cert), policy: policy)
        else { throw MalformedInput("reply to /auth", "the firmware refuses its session") }
        return Launched(cookie: cookie, launch: launch)
    }

    /// LAUNCH_MEASURE, then `POST /attest`.
    ///
    /// - Returns: the keyed measurement.
    public func attest(_ launched: Launched, over transport: GuestTransport) async throws -> [UInt8] {
        let (measurement, nonce) = launched.launch.measure(digest: digest)
        let body = """
            {"tee-pubkey":{"alg":"","k-mod":"","k-exp":""},"tee-evidence":"{\\"measure\\":\(measurement),\
            \\"mnonce\\":\(nonce)}"}
            """
        let reply = try await transport.demand(.post, "/attest", Data(body.utf8), cookie: launched.cookie)
        guard reply.body.isEmpty else { throw GuestTransport.Refused(reply) }
        return measurement
    }

    /// `GET /key/<id>`, then LAUNCH_SECRET.
    ///
    /// - Returns: what the guest finds in its memory, without the zeros after it.
    public func fetchKey(
        _ id: String? = nil, _ launched: Launched, measurement: [UInt8], over transport: GuestTransport
    ) async throws -> [UInt8] {
        let reply = try await transport.demand(.get, "/key/\(id ?? workload)", cookie: launched.cookie)
        let packet = try JSONDecoder().decode(PacketMessage.self, from: reply.body)
        let plaintext = try launched.launch.receive(
            flags: packet.header.flags.bits, initializationVector: packet.header.iv, mac: packet.header.mac,
            ciphertext: packet.ciphertext, measurement: measurement)
        guard let plaintext else { throw MalformedInput("reply to /key", "the firmware refuses its packet") }
        return Array(plaintext.prefix { $0 != 0 })
    }

    /// All three calls.
    public func boot(over transport: GuestTransport) async throws -> [UInt8] {
        let launched = try await start(over: transport)
        let measurement = try await attest(launched, over: transport)
        return try await fetchKey(nil, launched, measurement: measurement, over: transport)
    }
}

private struct ChallengeMessage: Decodable {
    struct Parameters: Decodable {
        struct Start: Decodable {
            struct Policy: Decodable {
                struct Flags: Decodable { let bits: UInt16 }
                struct Firmware: Decodable { let major, minor: UInt8 }
                let flags: Flags
                let minfw: Firmware
            }
            struct Session: Decodable { let nonce, wrap_tk, wrap_iv, wrap_mac, policy_mac: [UInt8] }
            let policy: Policy
            let cert: [UInt8]
            let session: Session
        }
        let id: String
        let start: Start
    }
    let parameters: Parameters

    enum CodingKeys: String, CodingKey { case parameters = "extra-params" }
}

private struct PacketMessage: Decodable {
    struct Header: Decodable {
        struct Flags: Decodable { let bits: UInt32 }
        let flags: Flags
        let iv, mac: [UInt8]
    }
    let header: Header
    let ciphertext: [UInt8]
}
