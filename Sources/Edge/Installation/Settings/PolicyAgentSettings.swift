package import Broker
import FoundationEssentials
import OpenPolicyAgent

/// The Open Policy Agent that policies may ask.
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
            throw $0.invalid("an https URL: whoever can change its answers decides about resources")
        }
        $1.agent.baseURL = text
    }

    package static let policyAgentTimeout = SettingKey(
        "policy.opa.timeout", "How long to wait for it; then resources that it decides about are not released",
        default: "5s"
    ) { $1.agent.timeout = .seconds(try $0.duration(upTo: 60)) }

    package static let policyAgentCA = file(
        "policy.opa.ca", "PEM file with the authorities of its certificate (default: the system's)",
        \.policyAgentAuthorities)

    package static let policyAgentTokenFile = file(
        "policy.opa.token_file", "File with the bearer token that it asks for", \.agent.tokenFile)
}

extension Settings {
    /// The Open Policy Agent that policies may ask; `nil` without one.
    ///
    /// - Throws: ``InvalidSetting``.
    package func openPolicyAgent() throws -> (any PolicyAgent)? {
        try policyAgent.map {
            OpenPolicyAgent($0, client: try client(trusting: policyAgentAuthorities, of: .policyAgentCA))
        }
    }
}
