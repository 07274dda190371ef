import Broker
import BrokerSupport
import Bytes
import Crypto
import EvidenceSupport
import Formats
import Foundation
import Installation
import SimulatedHardware
import TestSupport
import Testing

@testable import Server

/// What Trustee's own documents have one try: sample guests, sample devices, claims of init data.
@Suite("Trials as Trustee's documents describe them")
struct TrusteeTrialTests {
    /// Of a token.
    private static func claims(_ token: String) throws -> JSON {
        let parts = token.split(separator: ".")
        return try JSON(try #require(Base64.decodeURL(String(parts[1]))))
    }

    private static func evidence(_ token: String) throws -> JSON {
        try claims(token).member("submods").member("cpu0").member("ear.veraison.annotated-evidence")
    }

    private static func sample(on server: RunningServer) -> GuestComponents {
        GuestComponents(.sample(svn: "1"), base: server.base, client: .shared)
    }

    private static func initData(_ entries: [(String, String)]) -> String {
        "version = \"0.1.0\"\nalgorithm = \"sha384\"\n[data]\n"
            + entries.map { "\"\($0.0)\" = '''\n\($0.1)'''\n" }.joined()
    }

    /// A Kata agent's policy as genpolicy writes it. Source: Trustee's integration-tests/tests/init-data-with-policy.toml.
    private static let rego = """
        package agent_policy
        default AllowRequestsFailingPolicy := false
        policy_data := {"containers": [
            {"OCI": {"Annotations": {"io.kubernetes.cri.container-type": "sandbox"}, "Process": {"User": {"UID": 65535}}}},
            {"OCI": {"Annotations": {"io.kubernetes.cri.image-name": "bitnami/nginx:latest"},
                     "Process": {"Args": ["/opt/bitnami/scripts/nginx/entrypoint.sh"], "User": {"UID": 1001}}}}]}

        """

    private static let documents = initData([
        ("aa.toml", "[token_configs]\n[token_configs.kbs]\nurl = \"http://127.0.0.1:8080\"\n"),
        ("cdh.toml", "socket = \"unix:///run/x\"\n[kbc]\nname = \"cc_kbc\"\nretries = 3\n"), ("policy.rego", rego),
        ("note", "a text"),
    ])

    @Test("A sample's token has the claims that the documents' trial policies read; E2")
    func sampleClaims() async throws {
        try await RunningServer.run {
            $0.policy.allowsSample = true
        } _: { server in
            var guest = Self.sample(on: server)
            guest.initData = Self.documents
            let token = try await guest.attest(try await guest.challenge())
            let evidence = try Self.evidence(token)
            let sample = try evidence.member("sample")
            #expect(sample["svn"]?.asText == "1" && sample["launch_digest"]?.asText == "abcde")
            #expect(sample["platform_version"]?["major"]?.asNumber == 1 && sample["debug"]?.asBool == false)
            #expect(sample["platform_version"]?["minor"]?.asNumber == 4)
            let reportData = try #require(sample["report_data"]?.asText.flatMap { Base64.decode($0) })
            #expect(evidence["report_data"]?.asText == Hex.encode(reportData))
            let digest = Array(SHA384.hash(data: Data(Self.documents.utf8)))
            #expect(evidence["init_data"]?.asText == digest.base64, "the whole digest, in base64")
        }
    }

    @Test("Init data in a token are claims as the reference makes them; C5, E6", arguments: ["sample", "snp"])
    func initDataClaims(_ tee: String) async throws {
        try await RunningServer.run {
            $0.policy.allowsSample = true
        } _: { server in
            let digest = Array(SHA384.hash(data: Data(Self.documents.utf8)).prefix(32))
            var guest =
                try tee == "snp"
                ? server.components { for (index, byte) in digest.enumerated() { $0.patches[0xC0 + index] = byte } }
                : Self.sample(on: server)
            guest.initData = Self.documents
            let token = try await guest.attest(try await guest.challenge())
            let evidence = try Self.evidence(token)
            if tee == "snp" { #expect(evidence["init_data"]?.asText == Hex.encode(digest)) }
            let claims = try evidence.member("init_data_claims")
            #expect(claims["aa.toml"]?["token_configs"]?["kbs"]?["url"]?.asText == "http://127.0.0.1:8080")
            #expect(claims["cdh.toml"]?["kbc"]?["retries"]?.asNumber == 3)
            #expect(claims["note"]?.asText == "a text")
            #expect(claims["policy.rego"] == nil, "it is left out where its data were found")
            let containers = claims["agent_policy_claims"]?["containers"]?.asArray
            #expect(
                containers?.last?["OCI"]?["Process"]?["Args"]?.asArray?.first?.asText
                    == "/opt/bitnami/scripts/nginx/entrypoint.sh")
            let cpu = try Self.claims(token).member("submods").member("cpu0")
            let validated = JSONValue(try cpu.member("ear.trustee.identifiers").member("validated")).encodedText
            #expect(validated == #"{"container_images":["bitnami/nginx:latest"],"container_uids":[65535,1001]}"#)
        }
    }

    @Test("What no policy_data say is no identifier, nor an entry that calls itself so")
    func noIdentifiers() async throws {
        try await RunningServer.run {
            $0.policy.allowsSample = true
        } _: { server in
            for entries in [
                [("policy.rego", "default AllowAll := true\n")],
                [("policy.rego", "# policy_data := {\"containers\":[]}\n")],
                [("policy.rego", "policy_data := {\"a\":1}\npolicy_data := {\"containers\":[]}\n")],
                [("agent_policy_claims", "{}")],
            ] {
                var guest = Self.sample(on: server)
                guest.initData = Self.initData(entries)
                let token = try await guest.attest(try await guest.challenge())
                let claims = try Self.evidence(token).member("init_data_claims")
                #expect(claims["agent_policy_claims"] == nil, "\(entries)")
                let cpu = try Self.claims(token).member("submods").member("cpu0")
                #expect(cpu["ear.trustee.identifiers"] == nil)
            }
        }
    }

    @Test("A policy says which container images a pod may run, as its bound init data state them; E6")
    func containerImages() async throws {
        try await RunningServer.run { server in
            try await server.put("default/key/1")
            let digest = Array(SHA384.hash(data: Data(Self.documents.utf8)).prefix(32))
            var guest = try server.components {
                for (index, byte) in digest.enumerated() { $0.patches[0xC0 + index] = byte }
            }
            guest.initData = Self.documents
            let measurement = Hex.encode(Simulated.measurement("guest"))
            func set(_ rules: String) async throws {
                try await server.setPolicy("guests", "\(rules)\n[snp]\nmeasurements = [\"\(measurement)\"]")
            }
            try await set(
                "container_images = [\"bitnami/nginx:latest\"]\n[agent_policy_claims]\n"
                    + "\"/containers/1/OCI/Process/Args/0\" = \"/opt/bitnami/scripts/nginx/entrypoint.sh\"")
            let got = try await guest.get("default/key/1").resource
            #expect(got == Array("secret".utf8))
            for rules in [
                "container_images = [\"bitnami/nginx:1.0\"]",
                "agent_policy_rules = [\"\(String(repeating: "0", count: 64))\"]",
                "[agent_policy_claims]\n\"/containers/1/OCI/Process/User/UID\" = \"0\"",
            ] {
                try await set(rules)
                let refused = try await refusal { _ = try await guest.get("default/key/1") }
                #expect(refused.status == 403, "\(rules)")
            }
            // The same guest without init data states no images.
            try await set("container_images = [\"bitnami/nginx:latest\"]")
            guest.initData = nil
            let refused = try await refusal { _ = try await guest.get("default/key/1") }
            #expect(refused.status == 403)
            let explained = try await server.send("GET", "/api/v1/policies/guests")
            #expect(explained.body.contains("WARNING: container_images"), "the host writes the rules beside the data")
        }
    }

    @Test("A sample device is a submodule of its own where samples are taken; E3", arguments: ["sample", "snp"])
    func sampleDevice(_ tee: String) async throws {
        try await RunningServer.run {
            $0.policy.allowsSample = true
        } _: { server in
            var guest = try tee == "snp" ? server.components() : Self.sample(on: server)
            guest.sampleDevice = "2"
            let token = try await guest.attest(try await guest.challenge())
            let modules = try Self.claims(token).member("submods")
            let device = try modules.member("gpu0")
            #expect(device["ear.status"]?.asText == "contraindicated")
            let evidence = try device.member("ear.veraison.annotated-evidence")
            #expect(evidence["sampledevice"]?["svn"]?.asText == "2")
            #expect(modules["cpu0"] != nil)
            guest.hasStaleDevice = true
            let refused = try await refusal { _ = try await guest.attest(try await guest.challenge()) }
            #expect(refused.status == 403 && refused.detail?.contains("[sample.device]") == true, "\(refused)")
        }
    }

    @Test("A sample device is refused where no samples are taken; E3")
    func noSampleDevice() async throws {
        try await RunningServer.run { server in
            var guest = try server.components()
            guest.sampleDevice = "2"
            let refused = try await refusal { _ = try await guest.attest(try await guest.challenge()) }
            #expect(refused.status == 400 && refused.detail?.contains("sampledevice") == true)
        }
    }

    @Test("A released resource says in its protected header which it is; A17")
    func namedResource() async throws {
        try await RunningServer.run { server in
            try await server.put("default/key/1")
            let guest = try server.components()
            let challenge = try await guest.challenge()
            _ = try await guest.attest(challenge)
            let reply = try await server.send(
                "GET", "/kbs/v0/resource/default/key/1", headers: [("Cookie", "kbs-session-id=\(challenge.cookie)")])
            let message = try JSON(Array(reply.body.utf8))
            let header = try JSON(try #require(Base64.decodeURL(message.member("protected").text())))
            #expect(header["resource"]?.asText == "default/key/1")
            // The client's library writes the header again with its members sorted, and opens it with that.
            #expect(try guest.key.open(Data(reply.body.utf8)) == Array("secret".utf8))
        }
    }
}
