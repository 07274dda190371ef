import Foundation
import Installation
import OpenPolicyAgent
import TestSupport
import Testing

@Suite("The settings of an Open Policy Agent")
struct PolicyAgentSettingsTests {
    private func resolve(_ flags: [SettingKey: String]) throws -> Settings {
        try Settings.resolve(flags: flags, environment: [:], file: nil).settings
    }

    @Test("Without a URL there is none, whatever else is set")
    func none() throws {
        #expect(try resolve([:]).policyAgent == nil)
        #expect(try resolve([.policyAgentTimeout: "2s", .policyAgentURL: ""]).policyAgent == nil)
    }

    @Test("What is set is what is asked with")
    func values() throws {
        let settings = try resolve([
            .policyAgentURL: "https://opa.example.org:8181/", .policyAgentTimeout: "2s", .policyAgentCA: "/ca.pem",
            .policyAgentTokenFile: "/token",
        ])
        let agent = settings.policyAgent
        #expect(agent?.baseURL == "https://opa.example.org:8181" && agent?.timeout == .seconds(2))
        #expect(settings.policyAgentAuthorities?.path == "/ca.pem" && agent?.tokenFile?.path == "/token")
    }

    @Test("A file of authorities that is not there, or holds none, is an error at the start")
    func authorities() throws {
        let folder = try TemporaryFolder()
        let empty = folder.file("empty.pem")
        try Data("nothing\n".utf8).write(to: empty)
        for file in [empty, folder.file("none.pem")] {
            let settings = try resolve([.policyAgentURL: "https://opa.example.org", .policyAgentCA: file.path])
            let error = #expect(throws: InvalidSetting.self) { try settings.openPolicyAgent() }
            #expect(error?.description.contains(file.lastPathComponent) == true)
        }
    }

    @Test(
        "An agent on another machine is asked with TLS only",
        arguments: ["http://opa.example.org", "http://10.0.0.1:8181"])
    func clear(url: String) {
        let error = #expect(throws: InvalidSetting.self) { try resolve([.policyAgentURL: url]) }
        #expect(error?.description.contains("https") == true)
    }

    @Test(
        "An agent on this machine may be asked without", arguments: ["http://127.0.0.1:8181", "http://localhost:8181"])
    func loopback(url: String) throws { #expect(try resolve([.policyAgentURL: url]).policyAgent?.baseURL == url) }
}
