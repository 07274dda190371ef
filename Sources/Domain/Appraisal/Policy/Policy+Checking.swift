import Bytes
import Evidence

extension Policy {
    /// Checks that the policy is meaningful: lists are not empty, values have the length of the claims they are
    /// compared with, and the policy does not accept every genuine guest unless it says so.
    ///
    /// - Throws: a ``Refusal`` that names the rule and says what to write.
    public func check() throws(Refusal) {
        func refuse(_ rule: String, _ problem: String) -> Refusal {
            Refusal(.invalidField, "The policy \(name) cannot be used: \(rule) \(problem).")
        }
        guard !rules.isEmpty else {
            throw refuse(
                Vocabulary.tables, "is missing: a policy has a table for each technology whose guests may get in")
        }
        for vocabulary in vocabularies {
            let rules = rules[vocabulary.tee] ?? Rules()
            if let (key, problem) = vocabulary.fault(in: rules) { throw refuse(key.text, problem) }
        }
        for (rule, fault) in [
            ("container_images", containerImages.flatMap { Shape.texts.fault(in: .texts($0)) }),
            ("agent_policy_rules", agentPolicyRules.flatMap { Self.agentRulesShape.fault(in: .bytes($0)) }),
        ] {
            if let fault { throw refuse(rule, fault) }
        }
        if let pointer = agentPolicyClaims.keys.sorted().first(where: { !AgentPolicy.isPointer($0) }) {
            throw refuse(
                "agent_policy_claims",
                "has \"\(pointer.text.prefix(64))\", which is no JSON pointer such as /containers/1/OCI/Process/Args/0")
        }
        guard !issuers.contains(where: { $0.isEmpty || $0.text.utf8.count > 512 }), Set(issuers).count == issuers.count
        else {
            throw refuse("issuers", "holds a name twice, or one that is empty or longer than 512 bytes")
        }
        guard !isInitDataOpen || !initData.isEmpty else {
            throw refuse("init_data_open", "is true without init_data: any init data are accepted then anyway")
        }
        // Stored as JSON, whose usual readers would take the two names for one.
        let alike = "has two names that differ in bytes only and look the same: remove one"
        guard Set(initData.keys.map(\.text)).count == initData.count else { throw refuse("init_data", alike) }
        guard Set(agentPolicyClaims.keys.map(\.text)).count == agentPolicyClaims.count else {
            throw refuse("agent_policy_claims", alike)
        }
        if let agentDecision { try Self.check(agentDecision, refuse) }
    }

    static let agentRulesShape = Shape.bytes([32], wanted: "the digest of an agent policy's rules has 64 hex digits")

    private static func check(_ decision: String, _ refuse: (String, String) -> Refusal) throws(Refusal) {
        let segments = decision.split(separator: "/", omittingEmptySubsequences: false)
        let isPath = segments.allSatisfy { segment in
            segment.first?.isNumber == false
                && segment.utf8.allSatisfy { $0.isLetterOrDigit || $0 == UInt8(ascii: "_") }
        }
        guard isPath, decision.utf8.count <= 256 else {
            throw refuse(
                "opa",
                "is \"\(decision.prefix(64))\" and should be the path of a rule, such as policy/allow for the rule "
                    + "`allow` of the package `policy`")
        }
    }
}

extension Vocabulary {
    /// `[snp] or [sample]`.
    static var tables: String { Wording.either(all.map { "[\($0.tee.rawValue)]" }) }

    /// The problem with a policy's rules: conditions that no guest or every guest meets, and keys of no rule.
    func fault(in rules: Rules) -> (key: ExactText, problem: String)? {
        for key in rules.keys {
            guard let rule = written.first(where: { $0.key == key }), let condition = rules[key] else {
                return (key, "is not a rule for \(name) guests")
            }
            if let problem = rule.shape.fault(in: condition) { return (key, problem) }
        }
        if let fault = fault(rules) { return fault }
        let acceptsAny = rules.bool(.acceptsAny) ?? false
        guard pinsGuest(rules) != acceptsAny else {
            let pins = self.rules.filter(\.pins).map(\.key.text)
            return (
                .acceptsAny,
                acceptsAny
                    ? "is true, and there are measurements or keys to be met: remove one of the two"
                    : pins.isEmpty
                        ? "is not true in [\(tee.rawValue)], whose guests prove nothing: set it to true if any are meant"
                        : "is not true, and no rule says which software is meant. Anyone who rents a confidential "
                            + "virtual machine gets in: give \(Wording.either(pins)), or set it to true if that is meant"
            )
        }
        return nil
    }
}

extension ExactText {
    static let acceptsAny: ExactText = "accepts_any_measurement"
}
