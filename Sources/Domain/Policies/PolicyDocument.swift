public import Broker
import Bytes
import Evidence

extension ResourcePolicy {
    /// Reads a policy from TOML. docs/policies.md says what may stand there.
    ///
    /// - Throws: a ``Refusal`` that names the key, and its line where it can be found.
    public init(toml text: String, name: PolicyName) throws(Refusal) {
        var document = try TOMLDocument(text, subject: "The policy \(name)")
        self.init(name: name)
        description = try document.text("description") ?? ""
        if let list = try document.list("tee", of: "it is snp or sample", { GuestTEE(exactly: $0) }) { tees = list }
        products = try document.list("products", of: "a product is Milan, Genoa or Turin") { Self.product($0) }
        measurements = try Self.references("measurements", .measurement, &document)
        acceptsAnyMeasurement = try document.bool("accepts_any_measurement") ?? false
        idKeyDigests = try Self.references("id_key_digests", .idKey, &document)
        authorKeyDigests = try Self.references("author_key_digests", .authorKey, &document)
        hostData = try Self.references("host_data", .hostData, &document)
        familyIDs = try document.list("family_ids", of: "a family id has 32 hex digits") { Self.bytes($0, [16]) }
        imageIDs = try document.list("image_ids", of: "an image id has 32 hex digits") { Self.bytes($0, [16]) }
        minimumGuestSVN = try document.number("min_guest_svn")
        vmpl = try Self.vmpl(&document)
        // None at all is the strictest that there is.
        if let list = try document.list(
            "allow", of: Words.permissions.wanted, mayBeEmpty: true, { Words.permissions[$0] })
        {
            allows = GuestPolicy(list)
        }
        if let list = try document.list("require", of: Words.restrictions.wanted, { Words.restrictions[$0] }) {
            requires = GuestPolicy(list)
        }
        if let list = try document.list("require_platform", of: Words.platform.wanted, { Words.platform[$0] }) {
            platform = PlatformFeatures(list)
        }
        endorsements = try document.list("endorsements", of: "it is vcek or vlek") {
            EndorsementKey.Kind(exactly: $0)
        }
        chips = try document.list("chips", of: "a chip has 128 hex digits, or 16 on Turin") { Self.bytes($0, [64, 8]) }
        cspIDs = try document.list("csp_ids")?.map { ExactText($0) }
        if let text = try document.text("minimum_mitigations") {
            guard let bits = UInt64(bits: text), bits != 0 else {
                throw document.refuse(
                    "minimum_mitigations", "needs the bits of the mitigation vector in hex, such as \"0x1\"")
            }
            minimumMitigations = bits
        }
        holdsMinimumAtLaunch = try document.bool("minimum_at_launch") ?? true
        for (key, value) in try document.table("minimum_tcb") {
            guard let product = Self.product(key.text) else {
                throw document.refuse(
                    "minimum_tcb", "has \"\(key.text.prefix(40))\", and a product is Milan, Genoa or Turin")
            }
            guard let version = TCBVersion(value.text, product: product) else {
                throw document.refuse(
                    "minimum_tcb",
                    product == .turin
                        ? "needs five numbers for Turin, FMC first, such as 01.01.01.04.77"
                        : "needs four numbers for \(product.rawValue), such as 03.00.20.209")
            }
            guard minimumTCB.updateValue(version, forKey: product) == nil else {
                throw document.refuse("minimum_tcb", "has \(product.rawValue) twice")
            }
        }
        initData = try document.table("init_data")
        isInitDataOpen = try document.bool("init_data_open") ?? false
        containerImages = try document.list("container_images")?.map { ExactText($0) }
        agentPolicyRules = try document.list(
            "agent_policy_rules", of: "the digest of an agent policy's rules has 64 hex digits"
        ) { Self.bytes($0, [32]) }
        agentPolicyClaims = try document.table("agent_policy_claims")
        issuers = try document.list("issuers")?.map { ExactText($0) } ?? []
        agentDecision = try document.text("opa")
        try document.finish()
        try check()
    }

    private static func product(_ text: String) -> Product? {
        Product.allCases.first { ExactText($0.rawValue.lowercased()) == ExactText(text.lowercased()) }
    }

    private static func bytes(_ text: String, _ lengths: [Int]) -> [UInt8]? {
        Hex.decode(text).flatMap { lengths.contains($0.count) ? $0 : nil }
    }

    private static func references(
        _ key: String, _ kind: ReferenceValueSet.Kind, _ document: inout TOMLDocument
    ) throws(Refusal) -> [Reference]? {
        let wanted = "it is \(kind.form), or the name of reference values such as @web-2026.1"
        return try document.list(key, of: wanted) { text throws(Refusal) in
            let reference = try Reference(text)
            if case .value(let value) = reference, value.count != kind.length { return nil }
            return reference
        }
    }

    private static func vmpl(_ document: inout TOMLDocument) throws(Refusal) -> VMPL? {
        switch (try document.number("vmpl"), try document.number("max_vmpl")) {
        case (nil, nil): return nil
        case (let exact?, nil): return .exactly(exact)
        case (nil, let most?): return .atMost(most)
        default: throw document.refuse("max_vmpl", "and `vmpl` exclude each other: keep one")
        }
    }
}
