import Bytes
import Evidence
import Formats

extension Policy {
    /// Reads a policy from TOML. docs/policies.md says what may stand there.
    ///
    /// - Throws: a ``Refusal`` that names the key, and its line where it can be found.
    public init(toml text: String, name: PolicyName) throws(Refusal) {
        self.init(name: name)
        var document = try KeyedDocument(toml: text, subject: "The policy \(name)")
        try read(&document, filling: true)
    }

    /// Reads a policy as it is kept (``json``).
    ///
    /// - Throws: a ``Refusal``, also for a rule or a form that another version of this program wrote: the policy then decides
    ///   nothing, rather than without it.
    public init(json text: String) throws(Refusal) {
        var document = try KeyedDocument(json: text, subject: "The policy")
        guard try document.number("form") == UInt64(Self.form) else {
            throw Refusal(.invalidField, "The policy was written by another version of kbs: set it again.")
        }
        self.init(name: try PolicyName(try document.text("name") ?? ""))
        try read(&document, filling: false)
    }

    /// As it is kept: its document, with what that left unsaid.
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

    /// Of ``json``. Rules may be added without another.
    private static let form = 4

    /// - Parameter filling: whether what is not there is what policies usually have.
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

    /// Keys of all technologies.
    private static let common: Set<ExactText> = [
        "description", "init_data", "init_data_open", "container_images", "agent_policy_rules", "agent_policy_claims",
        "issuers", "opa",
    ]
}

extension Vocabulary {
    /// Where a rule is written; `nil` for what is none.
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
