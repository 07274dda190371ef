import BrokerSupport
import Bytes
import Crypto
import Evidence
import Formats
import HTTP
import SimulatedHardware

/// A stranger's request, made over and over: docs/limits.md has what each costs.
struct HostileLoad: Sendable {
    let name: String
    /// Connections at a time.
    var connections = 8
    fileprivate let method: HTTPRequest.Method
    /// Head and body; another one each time, by its number.
    fileprivate let request: @Sendable (Int) -> [UInt8]

    /// An endless worker on a connection of its own.
    ///
    /// - Parameter source: an address of 127.0.0.0/8 to come from.
    func worker(_ number: Int, to target: KeptConnection.Target, from source: UInt32) -> () throws -> Void {
        let connection = KeptConnection(target, from: source)
        var count = 0
        return {
            // A connection that the server has closed is opened again.
            _ = try? connection.exchange(method, request(number &+ count &* 64))
            count += 1
        }
    }

    private static func message(
        _ path: String, by method: HTTPRequest.Method = .post, _ fields: [String] = [], _ body: [UInt8] = []
    ) -> [UInt8] {
        let lines = fields + ["Content-Type: application/json", "Content-Length: \(body.count)"]
        return Array(
            "\(method.rawValue) \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\n\(lines.joined(separator: "\r\n"))\r\n\r\n".utf8)
            + body
    }

    private static func whole(
        _ name: String, by method: HTTPRequest.Method = .post, connections: Int = 8, _ request: [UInt8]
    ) -> HostileLoad {
        HostileLoad(name: name, connections: connections, method: method) { _ in request }
    }
}

extension HostileLoad {
    /// Every load there is.
    ///
    /// - Parameters:
    ///   - platform: whose chips the server takes for AMD's.
    ///   - sev: a workload for SEV that is registered there.
    static func all(
        _ server: ServerProcess, on platform: SimulatedSNPPlatform, sev: String
    ) async throws -> [HostileLoad] {
        let target = try KeptConnection.Target(server)
        let virtee = try cookie(target, Crowd.challenge)
        let coco = try cookie(target, #"{"version":"0.4.0","tee":"snp","extra-params":""}"#)
        let garbage = Array("{\"x\":\"\(String(repeating: "a", count: 100_000))\"}".utf8)
        let certificates = manyCertificates()
        let foreign = SimulatedSEVGuest(
            workload: sev, on: try SimulatedSEVPlatform(), digest: [UInt8](repeating: 1, count: 32))
        return [
            whole("634 certificates on /attest, no cookie", message("/kbs/v0/attest", [], certificates)),
            whole(
                "634 certificates on /attest, a good cookie",
                message("/kbs/v0/attest", [coco.field], certificates)),
            whole(
                "100 KB on /attest, a good cookie and nothing else right",
                message("/kbs/v0/attest", [virtee.field], garbage)),
            whole(
                "2 MiB of small values on /attest, a good cookie and nothing else right", connections: 2,
                message(
                    "/kbs/v0/attest", [coco.field],
                    Array("{\"x\":[[]\(String(repeating: ",[]", count: 690_000))]}".utf8))),
            try await madeUp("made-up chips", coco, on: platform, keyInfo: 0, server),
            try await madeUp("made-up VLEKs", coco, on: platform, keyInfo: 4, server),
            try await madeUp(
                "made-up VLEKs with 12 certificates", coco, on: platform, keyInfo: 4, server,
                certificates: try (0..<6).flatMap { _ in
                    let stranger = try SimulatedSNPPlatform(product: .milan)
                    return [try stranger.vlek(tcb: Crowd.tcb, validFor: 5).certificate, stranger.asvk]
                }),
            whole("an SEV chain that leads nowhere", message("/kbs/v0/auth", [], foreign.request)),
            whole("a resource without a session", by: .get, message("/kbs/v0/resource/a/b/c", by: .get)),
            whole(
                "a token that is none", by: .get,
                message(
                    "/api/v1/workloads", by: .get,
                    ["Authorization: Bearer kbs_0123456789ab_\(String(repeating: "A", count: 43))"])),
            whole("a challenge", message("/kbs/v0/auth", [], Array(Crowd.challenge.utf8))),
        ]
    }

    private struct Session {
        /// As it goes back.
        let field: String
        let nonce: String
    }

    private static func cookie(_ target: KeptConnection.Target, _ body: String) throws -> Session {
        let connection = KeptConnection(target)
        try connection.exchange(.post, message("/kbs/v0/auth", [], Array(body.utf8)))
        guard let set = connection.fields[values: .setCookie].first?.split(separator: ";").first,
            let nonce = (try? JSON(connection.body))?["nonce"]?.asText
        else {
            throw KeptConnection.Failure(
                description: "/auth was answered \(String(decoding: connection.body, as: UTF8.self))")
        }
        return Session(field: "Cookie: \(set)", nonce: nonce)
    }

    /// 256 KiB, of which most are certificates that are small and are none.
    private static func manyCertificates() -> [UInt8] {
        let certificate = "[48,98" + String(repeating: ",2,1,1", count: 32) + "]"
        let entry = #"{"cert_type":"VCEK","data":\#(certificate)}"#
        let chain = Array(repeating: entry, count: 634).joined(separator: ",")
        let evidence =
            #"{"primary_evidence":{"attestation_report":{},"cert_chain":[\#(chain)]},"additional_evidence":""}"#
        return Array(
            #"{"init-data":null,"runtime-data":{"nonce":"","tee-pubkey":{}},"tee-evidence":\#(evidence)}"#.utf8)
    }

    /// Evidence that is right but for the signature, of a measurement that would be let in, by a chip that nobody
    /// knows.
    private static func madeUp(
        _ name: String, _ session: Session, on platform: SimulatedSNPPlatform, keyInfo: UInt32,
        _ server: ServerProcess, certificates: [Evidence.Certificate] = []
    ) async throws -> HostileLoad {
        let signer = try platform.vcek(tcb: Crowd.tcb)
        let challenge = GuestComponents.Challenge(nonce: session.nonce, cookie: "", hashAlgorithm: "sha384")
        var requests: [[UInt8]] = []
        for _ in 0..<512 {
            var template = ReportTemplate(of: platform, tcb: Crowd.tcb)
            template.measurement = Crowd.measurement
            template.keyInfo = keyInfo
            if keyInfo == 0 { template.chipID = SecureRandom.bytes(64) }
            let guest = GuestComponents(.snp(template, signer, certificates: certificates)) { _ in
                throw KeptConnection.Failure(description: "it is not sent")
            }
            requests.append(message("/kbs/v0/attest", [session.field], Array(try guest.evidence(for: challenge))))
        }
        let made = requests
        // Chips wait for the vendor, and keep their connections meanwhile.
        return HostileLoad(name: name, connections: keyInfo == 0 ? 64 : 8, method: .post) { made[$0 % made.count] }
    }
}
