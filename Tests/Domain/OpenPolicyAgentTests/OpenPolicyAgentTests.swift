import Broker
import EdgeSupport
import Foundation
import HTTP
import HTTPClient
import HTTPServer
import OpenPolicyAgent
import TestSupport
import Testing

@Suite("An Open Policy Agent")
struct OpenPolicyAgentTests {
    private let question = AgentInput(
        claims: Array(#"{"submods":{"cpu0":{"ear.status":"affirming"}},"plugin":"forged"}"#.utf8),
        path: ["repo", "type", "tag"])

    private func withAgent(
        answering answer: @escaping StandInService.Answer, timeout: Duration = .seconds(600), tokenFile: URL? = nil,
        _ body: (StandInService, OpenPolicyAgent) async throws -> Void
    ) async throws {
        try await StandInService.run(answering: answer) { standIn, base in
            var configuration = OpenPolicyAgent.Configuration(baseURL: base)
            configuration.timeout = timeout
            configuration.tokenFile = tokenFile
            try await body(standIn, OpenPolicyAgent(configuration, client: HTTP1Client()))
        }
    }

    private static func json(_ text: String, status: Int = 200) -> OutgoingResponse {
        OutgoingResponse(status: .init(code: status), body: Array(text.utf8))
    }

    @Test("It is told the claims, and what is asked for, which no claim can change")
    func input() async throws {
        try await withAgent(answering: { _, _ in Self.json(#"{"result":true}"#) }) { standIn, agent in
            #expect(try await agent.allows("policy/allow", question))
            let exchange = try #require(standIn.exchanges.first)
            #expect(exchange.method == "POST" && exchange.path == "/v1/data/policy/allow")
            let body = String(decoding: exchange.body, as: UTF8.self)
            #expect(
                body
                    == #"{"input":{"submods":{"cpu0":{"ear.status":"affirming"}},"plugin":"resource","resource-path":["repo","type","tag"],"query":{}}}"#
            )
        }
    }

    @Test(
        "Anything but the boolean true is no",
        arguments: [
            #"{"result":false}"#, "{}", #"{"result":"true"}"#, #"{"result":1}"#, #"{"result":null}"#,
            #"{"result":{"allow":true}}"#, #"{"result":[true]}"#,
        ])
    func no(answer: String) async throws {
        try await withAgent(answering: { _, _ in Self.json(answer) }) { _, agent in
            let isAllowed = try await agent.allows("policy/allow", question)
            #expect(!isAllowed)
        }
    }

    @Test(
        "An answer that is none refuses, and says whom to look at",
        arguments: [
            (500, "{}"), (404, #"{"result":true}"#), (401, #"{"result":true}"#), (200, "true"), (200, "yes"), (302, ""),
        ])
    func noAnswer(status: Int, body: String) async throws {
        try await withAgent(answering: { _, _ in Self.json(body, status: status) }) { _, agent in
            let refusal = await #expect(throws: Refusal.self) { _ = try await agent.allows("policy/allow", question) }
            #expect(refusal?.code == .unavailable && refusal?.sentence.contains("policy.opa.url") == true)
        }
    }

    @Test("An agent that does not answer in time refuses")
    func silent() async throws {
        try await withAgent(
            answering: { _, _ in await StandInService.silence() }, timeout: .milliseconds(200)
        ) { _, agent in
            let refusal = await #expect(throws: Refusal.self) { _ = try await agent.allows("policy/allow", question) }
            #expect(refusal?.code == .unavailable)
        }
    }

    @Test("An agent that is not there refuses")
    func away() async throws {
        var configuration = OpenPolicyAgent.Configuration(baseURL: "http://127.0.0.1:1")
        configuration.timeout = .seconds(5)
        let agent = OpenPolicyAgent(configuration, client: HTTP1Client())
        let refusal = await #expect(throws: Refusal.self) { _ = try await agent.allows("policy/allow", question) }
        #expect(refusal?.code == .unavailable)
    }

    @Test("Claims that are no object are not asked about")
    func claims() async throws {
        try await withAgent(answering: { _, _ in Self.json(#"{"result":true}"#) }) { standIn, agent in
            for claims in ["[]", "", "true"] {
                let question = AgentInput(claims: Array(claims.utf8), path: [])
                await #expect(throws: Refusal.self) { _ = try await agent.allows("policy/allow", question) }
            }
            #expect(standIn.exchanges.isEmpty)
        }
    }

    @Test("Its token goes along, read anew each time, and without it nothing is asked")
    func token() async throws {
        let folder = try TemporaryFolder()
        let file = folder.file("token")
        try Data("first\n".utf8).write(to: file)
        try await withAgent(answering: { _, _ in Self.json(#"{"result":true}"#) }, tokenFile: file) { standIn, agent in
            _ = try await agent.allows("policy/allow", question)
            try Data("second".utf8).write(to: file)
            _ = try await agent.allows("policy/allow", question)
            #expect(standIn.exchanges.map(\.authorization) == ["Bearer first", "Bearer second"])
            try FileManager.default.removeItem(at: file)
            let refusal = await #expect(throws: Refusal.self) { _ = try await agent.allows("policy/allow", question) }
            #expect(refusal?.sentence.contains("policy.opa.token_file") == true && standIn.exchanges.count == 2)
        }
    }

    @Test("A module is passed on as it is, and read back")
    func modules() async throws {
        let answer: StandInService.Answer = { _, count in
            count == 1 ? Self.json("{}") : Self.json(#"{"result":{"id":"resource-policy","raw":"package policy"}}"#)
        }
        try await withAgent(answering: answer) { standIn, agent in
            try await agent.put(module: "package policy", id: "resource-policy")
            let exchange = try #require(standIn.exchanges.first)
            #expect(exchange.method == "PUT" && exchange.path == "/v1/policies/resource-policy")
            #expect(exchange.body == Array("package policy".utf8))
            #expect(try await agent.module("resource-policy") == "package policy")
        }
    }

    @Test("A module that does not compile is refused with the agent's own words")
    func faultyModule() async throws {
        let fault =
            #"{"code":"invalid_parameter","message":"m","errors":[{"message":"unexpected }","location":{"row":3}}]}"#
        try await withAgent(answering: { _, _ in Self.json(fault, status: 400) }) { _, agent in
            let refusal = await #expect(throws: Refusal.self) { try await agent.put(module: "x", id: "a") }
            #expect(refusal?.code == .invalidField && refusal?.sentence.contains("line 3: unexpected }") == true)
        }
    }

    @Test("A module's id cannot lead elsewhere, and one that is not there is none")
    func moduleNames() async throws {
        try await withAgent(answering: { _, _ in Self.json("{}", status: 404) }) { standIn, agent in
            for id in ["../data", "a/b", "", "a?x", "%2e%2e"] {
                await #expect(throws: Refusal.self) { _ = try await agent.module(id) }
            }
            #expect(standIn.exchanges.isEmpty)
            let module = try await agent.module("none")
            #expect(module == nil)
        }
    }

    @Test(
        "A token that no header can hold is never sent, and never shown", arguments: ["kbs_mark\u{7}x", "kbs_mark\nx"])
    func unusableToken(token: String) async throws {
        let folder = try TemporaryFolder()
        let file = folder.file("token")
        try Data(token.utf8).write(to: file)
        try await withAgent(answering: { _, _ in Self.json(#"{"result":true}"#) }, tokenFile: file) { standIn, agent in
            let refusal = await #expect(throws: Refusal.self) { _ = try await agent.allows("policy/allow", question) }
            #expect(refusal?.sentence.contains("kbs_mark") == false && standIn.exchanges.isEmpty)
        }
    }
}
