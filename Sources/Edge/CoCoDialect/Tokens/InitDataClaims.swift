import Broker
import Bytes
import Formats

/// Init data in the form of Trustee's tokens and resource policies (`init_data_claims`).
///
/// `aa.toml` and `cdh.toml` are objects. An agent's policy with `policy_data` is replaced by these data, as
/// `agent_policy_claims`. All other entries are texts.
struct InitDataClaims {
    let json: JSONValue
    /// Identifiers of the guest's containers (`ear.trustee.identifiers`); `nil` without any.
    let identifiers: JSONValue?

    init(_ initData: [ExactText: ExactText]) {
        let agent = AgentPolicy(initData: initData)
        json = Self.json(of: initData, agent)
        identifiers = agent.flatMap(Self.identifiers)
    }

    private static func json(of initData: [ExactText: ExactText], _ agent: AgentPolicy?) -> JSONValue {
        var members: [ExactText: JSONValue] = [:]
        for (name, text) in initData {
            switch name {
            case AgentPolicy.name where agent != nil: continue
            case "aa.toml", "cdh.toml":
                let table = try? TOML.read(Array(text.text.utf8))
                members[name] = table.map(JSONValue.init) ?? .text(text.text)
            default: members[name] = .text(text.text)
            }
        }
        // Overwrites an entry of this name, which would be the host's own text.
        members["agent_policy_claims"] = agent.map { JSONValue($0.claims) }
        return JSONValue(members)
    }

    private static func identifiers(of agent: AgentPolicy) -> JSONValue? {
        let (images, uids) = (agent.containerImages, agent.containerUIDs)
        guard !images.isEmpty || !uids.isEmpty else { return nil }
        var validated: JSONValue = .object([])
        if !images.isEmpty { validated["container_images"] = .array(images.map { .text($0.text) }) }
        if !uids.isEmpty { validated["container_uids"] = .array(uids.map { .integer(Int($0)) }) }
        return ["validated": validated]
    }
}
