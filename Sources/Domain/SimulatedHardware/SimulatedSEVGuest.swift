import Bytes
import Evidence
import Formats

/// A host that launches an SEV guest and injects its secret, in the form of libkrun's client (v1.4.5 to v1.10.1;
/// kbs-types 0.6).
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
    public var request: [UInt8] {
        let (chain, build) = (platform.chain, platform.build)
        let version: JSONValue = ["major": .integer(Int(build.major)), "minor": .integer(Int(build.minor))]
        let message: JSONValue = [
            "version": "0.0.0", "tee": "sev",
            "extra-params": [
                "workload_id": .text(workload), "build": ["version": version, "build": .integer(Int(build.build))],
                "chain": [
                    "ca": ["ask": .bytes(padded(chain.ask.bytes)), "ark": .bytes(padded(chain.ark.bytes))],
                    "sev": [
                        "pdh": .bytes(chain.pdh.bytes), "pek": .bytes(chain.pek.bytes), "oca": .bytes(chain.oca.bytes),
                        "cek": .bytes(chain.cek.bytes),
                    ],
                ],
            ],
        ]
        return message.encoded
    }

    /// An authority's certificate padded to the size of a 4,096-bit one with arbitrary bytes, as libkrun's library
    /// does.
    private func padded(_ certificate: [UInt8]) -> [UInt8] {
        certificate + [UInt8](repeating: 0xA5, count: max(0, 1_600 - certificate.count))
    }

    /// `POST /auth`, then LAUNCH_START.
    public func start(over transport: GuestTransport) async throws -> Launched {
        let reply = try await transport.demand(.post, "/auth", request)
        let start = try JSON(reply.body).member("extra-params").member("start")
        let stated = try start.member("policy")
        let firmware = try stated.member("minfw")
        let policy = SEVLaunchPolicy(
            flags: .init(rawValue: try stated.member("flags").member("bits").integer()),
            minimumFirmware: (try firmware.member("major").integer(), try firmware.member("minor").integer()))
        // The last SEV client refuses a policy without this.
        guard policy.flags.contains(.esRequired) else {
            throw MalformedInput("launch policy", "SEV-ES is not required")
        }
        let offered = try start.member("session")
        let session = SEVLaunchSession(
            nonce: try offered.member("nonce").bytes(), wrappedKeys: try offered.member("wrap_tk").bytes(),
            initializationVector: try offered.member("wrap_iv").bytes(),
            wrapMAC: try offered.member("wrap_mac").bytes(),
            policyMAC: try offered.member("policy_mac").bytes())
        guard let cookie = reply.cookie,
            let launch = try platform.launch(
                session, from: SEVCertificate(bytes: start.member("cert").bytes()), policy: policy)
        else { throw MalformedInput("reply to /auth", "the firmware refuses its session") }
        return Launched(cookie: cookie, launch: launch)
    }

    /// LAUNCH_MEASURE, then `POST /attest`.
    ///
    /// - Returns: the keyed measurement.
    public func attest(_ launched: Launched, over transport: GuestTransport) async throws -> [UInt8] {
        let (measurement, nonce) = launched.launch.measure(digest: digest)
        let evidence: JSONValue = ["measure": .bytes(measurement), "mnonce": .bytes(nonce)]
        let message: JSONValue = [
            "tee-pubkey": ["alg": "", "k-mod": "", "k-exp": ""], "tee-evidence": .text(evidence.encodedText),
        ]
        let reply = try await transport.demand(.post, "/attest", message.encoded, cookie: launched.cookie)
        guard reply.body.isEmpty else { throw GuestTransport.Refused(reply) }
        return measurement
    }

    /// - Returns: the secret in the guest's memory, without trailing zeros.
    public func fetchKey(
        _ id: String? = nil, _ launched: Launched, measurement: [UInt8], over transport: GuestTransport
    ) async throws -> [UInt8] {
        let reply = try await transport.demand(.get, "/key/\(id ?? workload)", cookie: launched.cookie)
        let packet = try JSON(reply.body)
        let header = try packet.member("header")
        let plaintext = try launched.launch.receive(
            flags: try header.member("flags").member("bits").integer(),
            initializationVector: try header.member("iv").bytes(), mac: try header.member("mac").bytes(),
            ciphertext: try packet.member("ciphertext").bytes(), measurement: measurement)
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
