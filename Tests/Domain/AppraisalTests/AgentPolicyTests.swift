@testable import Appraisal
import Bytes
import Evidence
import EvidenceSupport
import Foundation
import Testing

@Suite("Policies of Kata's agents, as init data have them; E6")
struct AgentPolicyTests {
    private func policy(_ text: String) -> AgentPolicy? { AgentPolicy(initData: ["policy.rego": ExactText(text)]) }

    @Test("The data are one JSON object that is assigned once, at the beginning of a line")
    func data() throws {
        let found = try #require(policy("package p\npolicy_data := {\"a\":\"} \\\" {\",\"b\":{}}\ndefault x := true\n"))
        #expect(found.value(at: "/a") == "} \" {")
        for text in [
            "", "policy_data := ", "policy_data := {", "policy_data := [1]", "policy_data := {\"a\":1",
            "policy_data := {\"a",
            "policy_data := {\"a\\", "policy_data := {a:1}", "policy_data := {\"a\":1,\"a\":2}", "x policy_data := {}",
            "policy_data = {}", "policy_data := {}\npolicy_data := {}", "policy_data:={}",
            "policy_data := " + String(repeating: "{\"a\":", count: 100_000),
        ] {
            #expect(policy(text) == nil, "\(text.prefix(40))")
        }
        #expect(AgentPolicy(initData: ["Policy.rego": "policy_data := {}"]) == nil)
    }

    @Test("The rules' digest is over all but the data, wherever they stand")
    func rules() throws {
        let (first, second) = (
            policy("rules\npolicy_data := {\"a\":1}\nmore"), policy("rules\npolicy_data := {}\nmore")
        )
        let digest = Simulated.digest("rules\npolicy_data := \nmore")
        #expect(first?.rulesDigest == digest && second?.rulesDigest == digest)
        #expect(policy("rules\npolicy_data := {}\nmore, and more")?.rulesDigest != digest)
    }

    @Test(
        "A JSON pointer leads to one value, byte for byte",
        arguments: [
            ("/a~1b", "slash"), ("/a~0b", "tilde"), ("/l/1", "two"), ("/n", "3"), ("/t", "true"), ("/o", nil),
            ("/l", nil),
            ("/l/01", nil), ("/l/2", nil), ("/l/-1", nil), ("/x", nil), ("/l/1/x", nil), ("/\u{212A}", nil),
            ("/K", "kelvin"),
        ] as [(String, String?)])
    func pointer(_ pointer: String, _ value: String?) throws {
        let agent = try #require(
            policy(
                #"policy_data := {"a/b":"slash","a~b":"tilde","l":["one","two"],"n":3,"t":true,"o":{},"K":"kelvin"}"#))
        #expect(agent.value(at: ExactText(pointer)) == value.map { ExactText($0) })
    }

    @Test("What is of another type is no container, image or user")
    func types() throws {
        for containers in ["{}", "[1]", "\"x\"", "null", #"[{"OCI":[]}]"#, #"[{"OCI":{"Annotations":1,"Process":1}}]"#]
        {
            let agent = try #require(policy("policy_data := {\"containers\":\(containers)}"))
            #expect(agent.containerImages.isEmpty && agent.containerUIDs.isEmpty)
        }
        let uids = #"[{"OCI":{"Process":{"User":{"UID":-1}}}},{"OCI":{"Process":{"User":{"UID":4294967295}}}}]"#
        #expect(policy("policy_data := {\"containers\":\(uids)}")?.containerUIDs == [4_294_967_295])
    }
}
