import Broker
import Evidence
import Foundation
import HTTPTypes
import Hummingbird
import JSONWebTokens

/// Trustee's calls for policies and reference values, as `kbs-client config` makes them. Policies in Rego are an Open
/// Policy Agent's; reference values are this server's own sets.
extension CoCoDialect {
    func addPolicyRoutes(to calls: RouterGroup<Context>) {
        calls.post("resource-policy") { request, context in
            try await answering {
                let actor = try await admit(request, context, .changePolicies)
                let message: ResourcePolicyMessage = try await decode(request.bytes(upTo: settings.longestBody))
                try await putModule(message.policy, id: "resource-policy", by: actor)
                return Response(status: .ok)
            }
        }
        calls.get("resource-policy") { request, context in
            try await answering {
                _ = try await admit(request, context, .readPolicies)
                guard let module = try await wantedAgent().module("resource-policy") else {
                    throw Refusal(.notFound, "The Open Policy Agent has no module resource-policy.")
                }
                return Response(json: JSONString.quoted(Data(module.utf8).base64URL))
            }
        }
        calls.post("attestation-policy") { request, context in
            try await answering {
                let actor = try await admit(request, context, .changePolicies)
                let message: AttestationPolicyMessage = try await decode(request.bytes(upTo: settings.longestBody))
                guard message.type == "rego" else { throw Refusal(.malformed, "type must be \"rego\".") }
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
                return Response(json: "[" + values.map { "\"\(Hex.encode($0))\"" }.joined(separator: ",") + "]")
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
        guard let bytes = Data(base64URL: encoded), let text = String(validating: bytes, as: UTF8.self) else {
            throw Refusal(.malformed, "policy must be base64url of a text in UTF-8.")
        }
        try await broker.put(module: text, id: id, to: agent, by: actor)
    }

    private func setReferenceValues(_ request: Request, _ context: Context) async throws -> Response {
        let actor = try await admit(request, context, .changePolicies)
        let message: ReferenceValueMessage = try await decode(request.bytes(upTo: settings.longestBody))
        guard message.type == "sample", let payload = Data(base64Encoded: message.payload),
            let sets = try? StrictJSON.read(payload).members
        else {
            throw Refusal(
                .malformed, "Reference values must be of type \"sample\": base64 of a JSON object of names and lists.")
        }
        let all = try sets.map { name, values in try ReferenceValueSet(trusteeName: name, values) }
        try await policies.set(all.sorted { $0.name < $1.name }, by: actor)
        return Response(status: .ok)
    }
}

private struct ResourcePolicyMessage: Decodable { let policy: String }

private struct AttestationPolicyMessage: Decodable {
    let type, id, policy: String

    enum CodingKeys: String, CodingKey {
        case type, policy
        case id = "policy_id"
    }
}

private struct ReferenceValueMessage: Decodable { let type, payload: String }

extension ReferenceValueSet {
    /// Trustee does not say of what a value is: its length and name do. Only digests are reference values here; versions
    /// and flags are for policies.
    fileprivate init(trusteeName name: String, _ values: JSONValue) throws(Refusal) {
        guard case .array(let list) = values else {
            throw Refusal(.invalidField, "Each name must have a list of values.")
        }
        let digests = list.map { $0.text.flatMap { Hex.decode($0) } ?? [] }
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
