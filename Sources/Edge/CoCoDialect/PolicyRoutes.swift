import Broker
import Bytes
import Formats
import HTTP
import HTTPEdge

/// Trustee's calls for policies and reference values, as `kbs-client config` makes them. Policies in Rego are an Open
/// Policy Agent's; reference values are this server's own sets.
extension CoCoDialect {
    func addPolicyRoutes(to calls: RouterGroup<Context>) {
        calls.post("resource-policy") { request, context in
            try await answering {
                let actor = try await admit(request, context, .changePolicies)
                let policy = try decode(await request.bytes(upTo: settings.longestBody)) {
                    body throws(MalformedInput) in
                    try body.member("policy").text()
                }
                try await putModule(policy, id: "resource-policy", by: actor)
                return Response(status: .ok)
            }
        }
        calls.get("resource-policy") { request, context in
            try await answering {
                _ = try await admit(request, context, .readPolicies)
                guard let module = try await wantedAgent().module("resource-policy") else {
                    throw Refusal(.notFound, "The Open Policy Agent has no module resource-policy.")
                }
                return Response(json: .text(module.utf8.base64URL))
            }
        }
        calls.post("attestation-policy") { request, context in
            try await answering {
                let actor = try await admit(request, context, .changePolicies)
                let message = try decode(await request.bytes(upTo: settings.longestBody), AttestationPolicyMessage.init)
                guard ExactText(message.type) == "rego" else { throw Refusal(.malformed, "type must be \"rego\".") }
                let name = try PolicyName(message.id)
                try await putModule(message.policy, id: "attestation-policy.\(name)", by: actor)
                return Response(status: .ok)
            }
        }
        calls.post("reference-value") { request, context in
            try await answering { try await setReferenceValues(request, context) }
        }
        calls.get("reference-value/:id") { request, context in
            try await answering {
                _ = try await admit(request, context, .readPolicies)
                let name = try PolicyName(request.rest(after: "/kbs/v0/reference-value/"))
                let values = try await policies.references(name).set.values
                return Response(json: .array(values.map { .text(Hex.encode($0)) }))
            }
        }
    }

    private func wantedAgent() throws -> any PolicyAgent {
        guard let agent else {
            throw Failure(
                Refusal(
                    .unavailable,
                    "Policies in Rego need an Open Policy Agent: set policy.opa.url, or write the policy in TOML "
                        + "(`kbs policy set`)."), status: .notImplemented)
        }
        return agent
    }

    private func putModule(_ encoded: String, id: String, by actor: Actor) async throws {
        let agent = try wantedAgent()
        guard let bytes = Base64.decodeURL(encoded), let text = String(validating: bytes, as: UTF8.self) else {
            throw Refusal(.malformed, "policy must be base64url of a text in UTF-8.")
        }
        try await broker.put(module: text, id: id, to: agent, by: actor)
    }

    private func setReferenceValues(_ request: Request, _ context: Context) async throws -> Response {
        let actor = try await admit(request, context, .changePolicies)
        let message = try decode(await request.bytes(upTo: settings.longestBody), ReferenceValueMessage.init)
        guard ExactText(message.type) == "sample", let payload = Base64.decode(message.payload),
            let sets = (try? JSON(payload))?.asMembers
        else {
            throw Refusal(
                .malformed, "Reference values must be of type \"sample\": base64 of a JSON object of names and lists.")
        }
        let all = try sets.map { name, values in try ReferenceValueSet(trusteeName: name.text, values) }
        try await policies.set(all.sorted { $0.name < $1.name }, by: actor)
        return Response(status: .ok)
    }
}

private struct AttestationPolicyMessage {
    let type, id, policy: String

    init(_ json: JSON) throws(MalformedInput) {
        type = try json.member("type").text()
        id = try json.member("policy_id").text()
        policy = try json.member("policy").text()
    }
}

private struct ReferenceValueMessage {
    let type, payload: String

    init(_ json: JSON) throws(MalformedInput) {
        type = try json.member("type").text()
        payload = try json.member("payload").text()
    }
}

extension ReferenceValueSet {
    /// Trustee does not say of what a value is: its length and name do. Only digests are reference values here; versions
    /// and flags are for policies.
    fileprivate init(trusteeName name: String, _ values: JSON) throws(Refusal) {
        guard let list = values.asArray else {
            throw Refusal(.invalidField, "Each name must have a list of values.")
        }
        let digests = list.map { $0.asText.flatMap { Hex.decode($0) } ?? [] }
        let kind: Kind =
            if digests.first?.count == 32 { .hostData } else if name.contains("id_key") {
                .idKey
            } else if name.contains(
                "author_key")
            { .authorKey } else { .measurement }
        try self.init(
            name: try PolicyName(name), kind: kind, values: digests, source: "POST /kbs/v0/reference-value",
            expires: nil)
    }
}
