import Bytes
import Evidence

extension ResourcePolicy {
    /// Sees to it that the policy means something: that lists are not empty, that values have the length of what they
    /// are compared with, and that it does not let every genuine guest in unless it says so.
    ///
    /// - Throws: a ``Refusal`` that names the rule and says what to write.
    public func check() throws(Refusal) {
        func refuse(_ rule: String, _ problem: String) -> Refusal {
            Refusal(.invalidField, "The policy \(name) cannot be used: \(rule) \(problem).")
        }
        func check(_ rule: String, _ list: [Reference]?, _ kind: ReferenceValueSet.Kind) throws(Refusal) {
            guard let list else { return }
            guard !list.isEmpty else { throw refuse(rule, Self.emptyList) }
            for case .value(let value) in list {
                guard value.count == kind.length else {
                    throw refuse(rule, "holds a value of \(value.count) bytes where one has \(kind.form)")
                }
                // A guest that nobody signed for shows zeros: they would let in everyone's.
                guard kind == .hostData || !value.isAllZero else {
                    throw refuse(rule, "holds a value of zeros, which is how reports say \"none\": remove it")
                }
            }
        }
        func check(_ rule: String, _ list: [[UInt8]]?, lengths: [Int]) throws(Refusal) {
            guard let list else { return }
            guard !list.isEmpty else { throw refuse(rule, Self.emptyList) }
            for value in list where !lengths.contains(value.count) {
                throw refuse(
                    rule,
                    "holds a value of \(value.count) bytes where one has "
                        + lengths.map { "\($0)" }.joined(separator: " or "))
            }
        }
        try check("measurements", measurements, .measurement)
        try check("host_data", hostData, .hostData)
        try check("id_key_digests", idKeyDigests, .idKey)
        try check("author_key_digests", authorKeyDigests, .authorKey)
        try check("family_ids", familyIDs, lengths: [16])
        try check("image_ids", imageIDs, lengths: [16])
        try check("chips", chips, lengths: [64, Product.turin.chipIDLength])
        guard chips?.contains(where: \.isAllZero) != true else {
            throw refuse("chips", "holds a chip of zeros, which is how hosts hide theirs: remove it")
        }
        for (rule, isEmpty) in [
            ("tee", tees.isEmpty), ("products", products?.isEmpty == true),
            ("endorsements", endorsements?.isEmpty == true), ("csp_ids", cspIDs?.isEmpty == true),
            ("container_images", containerImages?.isEmpty == true),
        ] where isEmpty {
            throw refuse(rule, Self.emptyList)
        }
        try check("agent_policy_rules", agentPolicyRules, lengths: [32])
        if let pointer = agentPolicyClaims.keys.sorted().first(where: { !AgentPolicy.isPointer($0) }) {
            throw refuse(
                "agent_policy_claims",
                "has \"\(pointer.text.prefix(64))\", which is no JSON pointer such as /containers/1/OCI/Process/Args/0")
        }
        guard holdsMinimumAtLaunch || !minimumTCB.isEmpty || minimumMitigations != 0 else {
            throw refuse("minimum_at_launch", "is false, and there is neither minimum_tcb nor minimum_mitigations")
        }
        if case .atMost(let most)? = vmpl, most > 3 { throw refuse("max_vmpl", "is \(most), and the highest is 3") }
        if case .exactly(let wanted)? = vmpl, wanted > 3 { throw refuse("vmpl", "is \(wanted), and the highest is 3") }
        for (product, version) in minimumTCB where (version.fmc != nil) != (product == .turin) {
            throw refuse("minimum_tcb", "has a version for \(product.rawValue) in another processor's form")
        }
        guard !issuers.contains(where: { $0.isEmpty || $0.text.utf8.count > 512 }), Set(issuers).count == issuers.count
        else {
            throw refuse("issuers", "holds a name twice, or one that is empty or longer than 512 bytes")
        }
        guard !isInitDataOpen || !initData.isEmpty else {
            throw refuse("init_data_open", "is true, and there are no init_data: then any are taken anyhow")
        }
        // Kept as JSON, whose usual readers would take one for the other.
        let alike = "has two names that differ in bytes only and look the same: remove one"
        guard Set(initData.keys.map(\.text)).count == initData.count else { throw refuse("init_data", alike) }
        guard Set(agentPolicyClaims.keys.map(\.text)).count == agentPolicyClaims.count else {
            throw refuse("agent_policy_claims", alike)
        }
        if let agentDecision { try Self.check(agentDecision, refuse) }
        guard pinsGuest != acceptsAnyMeasurement else {
            throw refuse(
                "accepts_any_measurement",
                acceptsAnyMeasurement
                    ? "is true, and there are measurements or keys to be met: remove one of the two"
                    : "is not true, and nothing says which guests are meant. Everyone who rents a confidential virtual "
                        + "machine would get in: give measurements, id_key_digests or author_key_digests, or set it to "
                        + "true if that is meant")
        }
    }

    /// Whether it asks for something that only certain guests can show. What a host chooses (host data), or anyone who
    /// signs an ID block (family and image ids), is not that.
    public var pinsGuest: Bool { measurements != nil || idKeyDigests != nil || authorKeyDigests != nil }

    /// The sets that it names, in the order of their names.
    public var referenceNames: [PolicyName] {
        var names: Set<PolicyName> = []
        for list in [measurements, hostData, idKeyDigests, authorKeyDigests] {
            for case .set(let name) in list ?? [] { names.insert(name) }
        }
        return names.sorted()
    }

    private static let emptyList = "is an empty list, which nobody can meet: give a value, or leave it out"

    private static func check(_ decision: String, _ refuse: (String, String) -> Refusal) throws(Refusal) {
        let segments = decision.split(separator: "/", omittingEmptySubsequences: false)
        let isPath = segments.allSatisfy { segment in
            segment.first?.isNumber == false && segment.utf8.allSatisfy { Self.isWord($0) }
        }
        guard isPath, decision.utf8.count <= 256 else {
            throw refuse(
                "opa",
                "is \"\(decision.prefix(64))\" and should be the path of a rule, such as policy/allow for the rule "
                    + "`allow` of the package `policy`")
        }
    }

    private static func isWord(_ character: UInt8) -> Bool {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
