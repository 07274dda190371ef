import Bytes
import Evidence

/// As a policy is kept: values as an operator writes them.
extension ResourcePolicy: Codable {
    /// Every member must be there: a later version that adds a rule writes another `form`, and this one then refuses
    /// the policy rather than overlook the rule.
    private struct Form: Codable {
        /// The second has `issuers` and `initDataOpen`, the third what stands behind `agentDecision`. A policy is written in
        /// the first that has all its rules.
        static let known = 1...3

        let form: Int
        let name: PolicyName
        let description: String
        let tees: [GuestTEE]
        let products: [Product]?
        let measurements: [Reference]?
        let acceptsAnyMeasurement: Bool
        let hostData: [Reference]?
        let idKeyDigests: [Reference]?
        let authorKeyDigests: [Reference]?
        let familyIDs: [HexBytes]?
        let imageIDs: [HexBytes]?
        let chips: [HexBytes]?
        let endorsements: [EndorsementKey.Kind]?
        let minimumTCB: [String: String]
        let vmpl: UInt32?
        let maxVMPL: UInt32?
        let minimumGuestSVN: UInt32?
        let allows: UInt64
        let requires: UInt64
        let platform: UInt64
        let initData: [ExactText: ExactText]
        let initDataOpen: Bool?
        let issuers: [ExactText]?
        let agentDecision: String?
        let cspIDs: [ExactText]?
        let minimumMitigations: UInt64?
        let minimumAtLaunch: Bool?
        let containerImages: [ExactText]?
        let agentPolicyClaims: [ExactText: ExactText]?
        let agentPolicyRules: [HexBytes]?
    }

    private struct HexBytes: Codable {
        let bytes: [UInt8]

        init(_ bytes: [UInt8]) { self.bytes = bytes }

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            guard let bytes = Hex.decode(try container.decode(String.self)) else {
                throw DecodingError.dataCorruptedError(in: container, debugDescription: "it is not hex")
            }
            self.bytes = bytes
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            try container.encode(Hex.encode(bytes))
        }
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let form = try container.decode(Form.self)
        func damaged(_ what: String) -> DecodingError {
            .dataCorruptedError(in: container, debugDescription: what)
        }
        guard Form.known.contains(form.form) else { throw damaged("another version of kbs has written it") }
        self.init(name: form.name)
        description = form.description
        tees = form.tees
        products = form.products
        measurements = form.measurements
        acceptsAnyMeasurement = form.acceptsAnyMeasurement
        hostData = form.hostData
        idKeyDigests = form.idKeyDigests
        authorKeyDigests = form.authorKeyDigests
        familyIDs = form.familyIDs?.map(\.bytes)
        imageIDs = form.imageIDs?.map(\.bytes)
        chips = form.chips?.map(\.bytes)
        endorsements = form.endorsements
        for (name, text) in form.minimumTCB {
            guard let product = Product(exactly: name), let version = TCBVersion(text, product: product) else {
                throw damaged("its minimum TCB for \(name) cannot be read")
            }
            minimumTCB[product] = version
        }
        vmpl = form.vmpl.map { .exactly($0) } ?? form.maxVMPL.map { .atMost($0) }
        minimumGuestSVN = form.minimumGuestSVN
        allows = GuestPolicy(rawValue: form.allows)
        requires = GuestPolicy(rawValue: form.requires)
        platform = PlatformFeatures(rawValue: form.platform)
        initData = form.initData
        isInitDataOpen = form.initDataOpen ?? false
        issuers = form.issuers ?? []
        agentDecision = form.agentDecision
        cspIDs = form.cspIDs
        minimumMitigations = form.minimumMitigations ?? 0
        holdsMinimumAtLaunch = form.minimumAtLaunch ?? true
        containerImages = form.containerImages
        agentPolicyClaims = form.agentPolicyClaims ?? [:]
        agentPolicyRules = form.agentPolicyRules?.map(\.bytes)
        try check()
    }

    public func encode(to encoder: any Encoder) throws {
        var (exact, most): (UInt32?, UInt32?) = (nil, nil)
        switch vmpl {
        case .exactly(let wanted): exact = wanted
        case .atMost(let limit): most = limit
        case nil: break
        }
        let hasThird =
            cspIDs != nil || minimumMitigations != 0 || !holdsMinimumAtLaunch || containerImages != nil
            || !agentPolicyClaims.isEmpty || agentPolicyRules != nil
        var container = encoder.singleValueContainer()
        try container.encode(
            Form(
                form: hasThird ? 3 : issuers.isEmpty && !isInitDataOpen ? 1 : 2, name: name, description: description,
                tees: tees,
                products: products,
                measurements: measurements,
                acceptsAnyMeasurement: acceptsAnyMeasurement, hostData: hostData, idKeyDigests: idKeyDigests,
                authorKeyDigests: authorKeyDigests, familyIDs: familyIDs?.map(HexBytes.init),
                imageIDs: imageIDs?.map(HexBytes.init), chips: chips?.map(HexBytes.init), endorsements: endorsements,
                minimumTCB: Dictionary(
                    uniqueKeysWithValues: minimumTCB.map { ($0.key.rawValue, $0.value.description) }),
                vmpl: exact, maxVMPL: most, minimumGuestSVN: minimumGuestSVN, allows: allows.rawValue,
                requires: requires.rawValue, platform: platform.rawValue, initData: initData,
                initDataOpen: isInitDataOpen ? true : nil, issuers: issuers.isEmpty ? nil : issuers,
                agentDecision: agentDecision, cspIDs: cspIDs,
                minimumMitigations: minimumMitigations == 0 ? nil : minimumMitigations,
                minimumAtLaunch: holdsMinimumAtLaunch ? nil : false, containerImages: containerImages,
                agentPolicyClaims: agentPolicyClaims.isEmpty ? nil : agentPolicyClaims,
                agentPolicyRules: agentPolicyRules?.map(HexBytes.init)))
    }
}

extension ResourcePolicy.Reference: Codable {
    /// Reads what a policy writes: hex, or `@` and a name.
    ///
    /// - Throws: a ``Refusal`` that says what to write.
    public init(_ text: some StringProtocol) throws(Refusal) {
        if text.utf8.first == UInt8(ascii: "@") {
            self = .set(try PolicyName(String(text.dropFirst())))
        } else if let value = Hex.decode(text) {
            self = .value(value)
        } else {
            throw Refusal(
                .invalidField,
                "\"\(text.prefix(100))\" is neither hex digits nor the name of reference values, such as @web-2026.1.")
        }
    }

    public init(from decoder: any Decoder) throws {
        try self.init(try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
