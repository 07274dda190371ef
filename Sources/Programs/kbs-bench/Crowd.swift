import BrokerSupport
import Bytes
import Crypto
import Evidence
import Files
import HTTPClient
import SimulatedHardware

/// Guests that boot again and again, in each of the two dialects. Their keys are made before.
struct Crowd: Sendable {
    enum Dialect: String, CaseIterable { case virtee, coco }

    static let tcb = TCBVersion(bootLoader: 4, tee: 0, snp: 22, microcode: 213)
    static let measurement = Array(SHA384.hash(data: Array("bench".utf8)))
    /// A body of `POST /auth` for one of them.
    static let challenge = #"{"version":"0.0.0","tee":"snp","extra-params":"{\"workload_id\":\"bench/0\"}"}"#
    static let resource = "bench/key/one"
    static let resourceText = "the resource of the bench"
    /// What lets the CoCo guests in.
    private static let policy = "[snp]\nmeasurements = [\"\(Hex.encode(measurement))\"]\n"

    /// What a server's data folder needs before, for the CoCo guests.
    static func preparations(in folder: BenchFolder) throws -> [[String]] {
        try File.replace(folder.file("policy.toml"), with: Array(policy.utf8))
        try File.replace(folder.file("resource"), with: Array(resourceText.utf8))
        return [
            ["policy", "set", "bench", folder.file("policy.toml")],
            ["resource", "put", resource, folder.file("resource"), "--policy", "bench"],
        ]
    }

    let virtee: [SimulatedSNPGuest]
    let coco: [GuestComponents]
    let transport: GuestTransport

    /// A guest got another secret than its own. Nothing else that is measured matters then.
    struct WrongSecret: Error {}

    /// Registers the guests and boots each once, so that what follows is warm.
    init(_ count: Int, _ keys: Keys, on platform: SimulatedSNPPlatform, _ server: ServerProcess) async throws {
        var settings = HTTP1Client.Configuration()
        settings.authorities = server.certificate
        let client = HTTP1Client(settings)
        transport = GuestTransport(base: server.base, client: client, token: server.token)
        var (virtee, coco): ([SimulatedSNPGuest], [GuestComponents]) = ([], [])
        for number in 0..<count {
            let id = "bench/\(number)"
            var guest = try SimulatedSNPGuest(
                workload: id, on: platform, measurement: Self.measurement, tcb: Self.tcb, signer: keys.signer,
                key: keys.guests[number])
            try await transport.register(
                id, measurement: Hex.encode(Self.measurement),
                configuration: #"{"flags":{"bits":3},"minfw":{"major":0,"minor":0}}"#, secret: "secret \(number)")
            _ = try await guest.boot(over: transport)
            // libkrun's client sends no certificates.
            guest.certificates = []
            virtee.append(guest)
            var template = ReportTemplate(of: platform, tcb: Self.tcb)
            template.measurement = Self.measurement
            coco.append(
                GuestComponents(
                    .snp(template, keys.signer, certificates: [keys.signer.certificate, platform.ask, platform.ark]),
                    base: server.base, client: client))
        }
        (self.virtee, self.coco) = (virtee, coco)
    }

    /// What takes long to make, for as many guests as there will be.
    struct Keys: Sendable {
        let signer: SimulatedSNPPlatform.SigningKey
        let guests: [SimulatedSNPGuest.Key]

        init(_ count: Int, on platform: SimulatedSNPPlatform) throws {
            signer = try platform.vcek(tcb: Crowd.tcb)
            guests = try (0..<count).map { _ in try SimulatedSNPGuest.Key() }
        }
    }

    /// A guest with init data of 62 KB, as Trustee's own sample has them.
    static func podGuest(
        _ platform: SimulatedSNPPlatform, _ signer: SimulatedSNPPlatform.SigningKey, _ server: ServerProcess
    ) throws -> GuestComponents {
        let policy = String(repeating: "default AllowRequestsFailingPolicy := true # x\n", count: 1_300)
        let document = "version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\n\"policy.rego\" = '''\n\(policy)'''\n"
        var template = ReportTemplate(of: platform, tcb: tcb)
        template.measurement = measurement
        // HOST_DATA.
        for (index, byte) in SHA256.hash(data: Array(document.utf8)).enumerated() {
            template.patches[0xC0 + index] = byte
        }
        var guest = GuestComponents(
            .snp(template, signer, certificates: [signer.certificate, platform.ask, platform.ark]), base: server.base,
            client: HTTP1Client())
        guest.initData = document
        return guest
    }

    /// What a virtee guest was registered with.
    func secret(_ number: Int) -> [UInt8] { Array("secret \(number)".utf8) }

    /// All calls of a guest, from the challenge to its secret.
    func boot(_ number: Int, _ dialect: Dialect) async throws {
        switch dialect {
        case .virtee:
            let secret = try await virtee[number].boot(over: transport)
            guard secret == self.secret(number) else { throw WrongSecret() }
        case .coco:
            let guest = coco[number]
            let challenge = try await guest.challenge()
            _ = try await guest.attest(challenge)
            let resource = try await guest.fetch(Self.resource, cookie: challenge.cookie)
            guard resource == Array(Self.resourceText.utf8) else { throw WrongSecret() }
        }
    }
}
