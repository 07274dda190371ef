import Broker
import Bytes
import Formats
import HTTP
import HTTPEdge

/// Trustee's calls for policies and reference values, for `kbs-client config`. Policies in Rego are sent to an Open
/// Policy Agent; reference values become this server's sets.
extension CoCoDialect {
    var policyCalls: [Call] {
        [
            change("kbs/v0/resource-policy", "resource_policy", .changePolicies) { body, caller in
                let policy = try decode(body) { json throws(MalformedInput) in try json.member("policy").text() }
                try await putModule(policy, id: "resource-policy", by: caller.actor)
                return Response(status: .ok)
            },
            Call(
                .get, "kbs/v0/resource-policy", label: "resource_policy", right: .permission(.readPolicies),
                form: CoCoFailureForm()
            ) { _, _ in
                guard let module = try await wantedAgent().module("resource-policy") else {
                    throw Refusal(.notFound, "The Open Policy Agent has no module resource-policy.")
                }
                return Response(json: .text(module.utf8.base64URL))
            },
            change("kbs/v0/attestation-policy", "attestation_policy", .changePolicies) { body, caller in
                let message = try decode(body, AttestationPolicyMessage.init)
                guard ExactText(message.type) == "rego" else { throw Refusal(.malformed, "type must be \"rego\".") }
                let name = try PolicyName(message.id)
                try await putModule(message.policy, id: "attestation-policy.\(name)", by: caller.actor)
                return Response(status: .ok)
            },
            change("kbs/v0/reference-value", "reference_value", .changeReferences, checksNames: true) { body, caller in
                try await setReferenceValues(body, by: caller)
            },
            Call(
                .get, "kbs/v0/reference-value/**name", label: "reference_value", right: .permission(.readPolicies),
                checksNames: true, form: CoCoFailureForm()
            ) { request, caller in
                let name = try PolicyName(request.parameters["name"].map(String.init) ?? "")
                try caller.reach.check(name)
                return Response(json: try await policies.references(name).set.json)
            },
        ]
    }

    private func change(
        _ path: CallPath, _ label: String, _ permission: Role.Permission, checksNames: Bool = false,
        _ answer: @escaping @Sendable ([UInt8], Admission) async throws -> Response
    ) -> Call {
        Call(
            .post, path, label: label, right: .permission(permission), checksNames: checksNames,
            body: .upTo(settings.longestBody), form: CoCoFailureForm()
        ) { request, caller in
            try await answer(try await request.bytes(), caller)
        }
    }

    private func wantedAgent() throws -> any PolicyAgent {
        guard let agent else {
            throw Refused(
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

    private func setReferenceValues(_ body: [UInt8], by caller: Admission) async throws -> Response {
        let message = try decode(body, ReferenceValueMessage.init)
        guard ExactText(message.type) == "sample", let payload = Base64.decode(message.payload),
            let sets = (try? JSON(payload))?.asMembers
        else {
            throw Refusal(
                .malformed, "Reference values must be of type \"sample\": base64 of a JSON object of names and values.")
        }
        let all = try sets.map { name, values in try ReferenceValueSet(trusteeName: name.text, values) }
            .sorted { $0.name < $1.name }
        for set in all { try caller.reach.check(set.name) }
        try await policies.set(all, by: caller.actor)
        let unread = all.filter { !$0.kind.isRead }
        guard !unread.isEmpty else { return Response(status: .ok) }
        return Response(json: [
            "unread": .array(unread.map { .text($0.name.text) }),
            "detail": .text(
                "No rule reads these values: \(unread.prefix(8).map(\.name.text).joined(separator: ", ")). Minimum versions "
                    + "belong in a policy ([snp.minimum_tcb], min_guest_svn). For digests say what they are: a name with "
                    + "measurement, host_data, id_key or author_key in it, or `kind` in `kbs reference set`."),
        ])
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
    /// Trustee does not state a value's kind. A digest's kind follows from the set's name, because its length does not
    /// decide: 48 bytes are a measurement, a key's digest or a register, and 32 bytes are HOST_DATA or a PCR. Digests
    /// under any other name are texts.
    fileprivate init(trusteeName name: String, _ values: JSON) throws(Refusal) {
        let list = values.asArray ?? [values]
        let elements = Set(list.map(\.kind))
        guard elements.count == 1, let element = elements.first, [.text, .number, .bool].contains(element) else {
            throw Refusal(
                .invalidField,
                "\(name.prefix(64)) must have a text, a whole number or a truth value, or a list of one of these.")
        }
        let texts = list.map { $0.asText ?? String(decoding: $0.raw, as: UTF8.self) }
        var kind: Kind =
            switch element {
            case .number: .number
            case .bool: .boolean
            default: .text
            }
        let digests = texts.compactMap { Hex.decode($0)?.count }
        if element == .text, digests.count == texts.count, let named = Kind(named: ExactText(name)) {
            // Values of another length belong to another technology, or are not digests.
            if digests.allSatisfy({ $0 == named.length }) { kind = named }
        }
        try self.init(
            name: try PolicyName(name), kind: kind,
            values: texts.map { text throws(Refusal) in ReferenceValue(try kind.bytes(text)) },
            source: "POST /kbs/v0/reference-value", isSingle: values.kind != .array)
    }
}

extension ReferenceValueSet.Kind {
    /// The kind that a name states. Words for keys and host data take precedence over those for measurements, with
    /// which they may occur together.
    fileprivate init?(named name: ExactText) {
        let text = Array(name.text.lowercased().utf8)
        func holds(_ word: String) -> Bool {
            let word = Array(word.utf8)
            return text.indices.contains { text[$0...].starts(with: word) }
        }
        guard let kind = Self.allCases.reversed().first(where: { $0.aliases.contains(where: holds) }) else {
            return nil
        }
        self = kind
    }
}
