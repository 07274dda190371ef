package import Broker
import FoundationEssentials
import OpenPolicyAgent

/// An Open Policy Agent that policies may ask.
extension SettingKey {
    static let policyAgent = [policyAgentURL, policyAgentTimeout, policyAgentCA, policyAgentTokenFile]

    package static let policyAgentURL = SettingKey(
        "policy.opa.url", "Open Policy Agent that policies may ask, e.g. https://opa.example.org:8181"
    ) {
        guard !$0.text.isEmpty else {
            $1.agent.baseURL = ""
            return
        }
        let text = try $0.url(example: "https://opa.example.org:8181")
        let host = URL(string: text)?.host() ?? ""
        guard text.hasPrefix("https:") || Settings.Address(host: host, port: 0).isLoopback else {
            throw $0.invalid("an https URL: whoever can change its answers decides who gets resources")
        }
        $1.agent.baseURL = text
    }

    package static let policyAgentTimeout = SettingKey(
        "policy.opa.timeout", "How long to wait for it; then nothing is released that it decides over", default: "5s"
    ) { $1.agent.timeout = .seconds(try $0.duration(upTo: 60)) }

    package static let policyAgentCA = SettingKey(
        "policy.opa.ca", "PEM file with the authorities of its certificate (default: the system's)"
    ) { $1.agent.authorities = $0.file() }

    package static let policyAgentTokenFile = SettingKey(
        "policy.opa.token_file", "File with the bearer token that it asks for"
    ) { $1.agent.tokenFile = $0.file() }
}

extension Settings {
    /// The Open Policy Agent that policies may ask; `nil` when there is none.
    ///
    /// - Throws: ``InvalidSetting``.
    package func openPolicyAgent() throws -> (any PolicyAgent)? {
        try policyAgent.map { configuration in
            do { return try OpenPolicyAgent(configuration) } catch {
                throw InvalidSetting("policy.opa.ca cannot be read: \(error)")
            }
        }
    }
}
