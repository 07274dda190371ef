import Bytes
import Evidence
import Formats

extension Policy {
    /// Reads a policy from TOML. docs/policies.md describes the format.
    ///
    /// - Throws: a ``Refusal`` that names the key, with its line where there is one.
    public init(toml text: String, name: PolicyName) throws(Refusal) {
        self.init(name: name)
        var document = try KeyedDocument(toml: text, subject: "The policy \(name)")
        try read(&document, filling: true)
    }

    /// Reads a stored policy (``json``).
    ///
    /// - Throws: a ``Refusal``, also for a rule or a form of another version of this program: such a policy then
    ///   decides nothing, rather than decide without the rule.
    public init(json text: String) throws(Refusal) {
        var document = try KeyedDocument(json: text, subject: "The policy")
        guard try document.number("form") == UInt64(Self.form) else {
            throw Refusal(.invalidField, "The policy was written by another version of kbs: set it again.")
        }
        self.init(name: try PolicyName(try document.text("name") ?? ""))
        try read(&document, filling: false)
    }

    /// The stored form: the document with its defaults written out.
    public var json: String {
        var members: [ExactText: JSONValue] = ["form": .integer(Self.form), "name": .text(name.text)]
        if !description.isEmpty { members["description"] = .text(description) }
        for vocabulary in vocabularies {
            guard let rules = rules[vocabulary.tee] else { continue }
            members[ExactText(vocabulary.tee.rawValue)] = JSONValue(
                vocabulary.rules.reduce(into: [:]) { members, rule in
                    members[rule.key] = rules[rule.key].map { rule.shape.json($0) }
                })
        }
        for (key, table) in [("init_data", initData), ("agent_policy_claims", agentPolicyClaims)] where !table.isEmpty {
            members[ExactText(key)] = JSONValue(table.mapValues { .text($0.text) })
        }
        if isInitDataOpen { members["init_data_open"] = true }
        members["container_images"] = containerImages.map { .array($0.map { .text($0.text) }) }
        members["agent_policy_rules"] = agentPolicyRules.map { .array($0.map { .text(Hex.encode($0)) }) }
        if !issuers.isEmpty { members["issuers"] = .array(issuers.map { .text($0.text) }) }
        members["opa"] = agentDecision.map { .text($0) }
        return JSONValue(members).encodedText
    }

    /// The version of ``json``. New rules need no new version.
    private static let form = 4

    /// - Parameter filling: whether missing rules get their defaults.
    private mutating func read(_ document: inout KeyedDocument, filling: Bool) throws(Refusal) {
        description = try document.text("description") ?? ""
        for vocabulary in Vocabulary.all {
            guard var table = try document.document(ExactText(vocabulary.tee.rawValue)) else { continue }
            var rules = filling ? vocabulary.usual : Rules()
            for rule in vocabulary.written {
                if let condition = try rule.shape.read(rule.key, from: &table) { rules[rule.key] = condition }
            }
            try table.finish { key in
                Self.common.contains(key)
                    ? "stands above the tables: write it before [\(vocabulary.tee.rawValue)]"
                    : Vocabulary.place(of: key)
            }
            if let (key, problem) = vocabulary.fault(in: rules) { throw table.refuse(key, problem) }
            self.rules[vocabulary.tee] = rules
        }
        initData = try document.table("init_data")
        isInitDataOpen = try document.bool("init_data_open") ?? false
        containerImages = try document.list("container_images")?.map { ExactText($0) }
        if case .bytes(let digests)? = try Self.agentRulesShape.read("agent_policy_rules", from: &document) {
            agentPolicyRules = digests
        }
        agentPolicyClaims = try document.table("agent_policy_claims")
        issuers = try document.list("issuers")?.map { ExactText($0) } ?? []
        agentDecision = try document.text("opa")
        try document.finish { key in
            if key == "tee" { return "is said by the tables: \(Vocabulary.tables), each for its technology's guests" }
            return Vocabulary.place(of: key)
        }
        try check()
    }

    /// Keys outside the technologies' tables.
    private static let common: Set<ExactText> = [
        "description", "init_data", "init_data_open", "container_images", "agent_policy_rules", "agent_policy_claims",
        "issuers", "opa",
    ]
}

extension Vocabulary {
    /// The place where a rule is written, for errors; `nil` when no vocabulary has the key.
    fileprivate static func place(of key: ExactText) -> String? {
        let (tables, keys) = all.reduce(into: ([String](), [String]())) { found, vocabulary in
            guard let rule = vocabulary.written.first(where: { $0.key == key }) else { return }
            found.0.append("[\(vocabulary.tee.rawValue)]")
            if case .table = rule.shape { found.1.append("[\(vocabulary.tee.rawValue).\(key)]") }
        }
        guard !tables.isEmpty else { return nil }
        return "stands in the table \(Wording.either(tables)): write "
            + (keys.isEmpty ? "that above it" : Wording.either(keys))
    }
}
