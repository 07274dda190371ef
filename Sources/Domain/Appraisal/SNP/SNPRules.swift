import Bytes
import Evidence

/// The rules for SEV-SNP guests.
extension Vocabulary {
    static let snp = Vocabulary(
        tee: .snp, name: "SEV-SNP",
        rules: [
            .digests(
                .measurements, of: SNPTerm.measurement, .measurement, (.snpMeasurement, .policyMeasurement),
                noun: "launch measurement", intro: "its launch measurement is", pins: true,
                meaning: "have one of these launch measurements, 96 hex digits, or of a set: `\"@name\"`",
                change: "register the new image's measurement, or find out who changed the guest"),
            .digests(
                "id_key_digests", of: SNPTerm.idKeyDigest, .idKey, (.policyIDKey, .policyIDKey),
                noun: "ID key digest", intro: "the digest of the key that signed its ID block is", pins: true,
                meaning: "have an ID block signed by one of these keys: SHA-384, 96 hex digits, or `\"@name\"`",
                change: "launch the guest with an ID block that one of these keys signed"),
            .digests(
                "author_key_digests", of: SNPTerm.authorKeyDigest, .authorKey, (.policyAuthorKey, .policyAuthorKey),
                noun: "author key digest", intro: "the digest of its author key is", pins: true,
                meaning: "have an ID key signed by one of these, in the same form",
                change: "launch the guest with an ID key that one of these author keys signed"),
            .acceptsAny(meaning: "nothing: `true` says that a table with none of the three above is meant so"),
            .digests(
                .hostData, of: SNPTerm.hostData, .hostData, (.policyHostData, .policyHostData), noun: "host data",
                intro: "its host data is",
                meaning:
                    "have one of these HOST_DATA, 64 hex digits, or `\"@name\"`. The host chooses it: it tells nothing of "
                    + "the software by itself",
                change: "launch the guest with the init data that they stand for"),
            identifiers(
                "family_ids", of: SNPTerm.familyID, .policyFamilyID, "family id",
                meaning:
                    "have one of these in its ID block, 32 hex digits. Anyone can sign one: give `id_key_digests` too"),
            identifiers(
                "image_ids", of: SNPTerm.imageID, .policyImageID, "image id",
                meaning: "have one of these in its ID block, in the same form"),
            .atLeast(
                "min_guest_svn", of: SNPTerm.guestSVN, (.policyGuestSVN, .policyGuestSVN),
                intro: "its security version is", meaning: "have this security version or a higher one"
            ) {
                "The guest's security version is lower than \($0.whose) asks for: launch a newer image."
            },
            allow, require, requirePlatform, products, cspIDs, minimumTCB, minimumMitigations, minimumAtLaunch, vmpl,
            maxVMPL, chips, endorsements, committedFirmware,
        ],
        advice: "This server takes no SEV-SNP guests.", firmware: .snp,
        fault: { rules in
            if rules[.minimumAtLaunch] == .bool(false), rules[.minimumTCB] == nil, rules[.minimumMitigations] == nil {
                return (.minimumAtLaunch, "is false, and there is neither minimum_tcb nor minimum_mitigations")
            }
            return rules[.vmpl] != nil && rules[.maxVMPL] != nil
                ? (.maxVMPL, "and `vmpl` exclude each other: keep one") : nil
        },
        decidable: { rules, claims in
            // Without a certificate the cloud provider of a VLEK is unknown, and for a version 2 report the product.
            // Rules on them are left out: the verdict is about the missing certificate.
            var rules = rules
            if claims.text(SNPTerm.endorsement) == "vlek" { rules.cspIDs = nil }
            if claims.product == nil {
                (rules.products, rules.minimumTCB, rules.minimumMitigations) = (nil, [:], 0)
                rules.allowsProvisionalFirmware = true
            }
            return rules
        })

    private static func identifiers(
        _ key: ExactText, of term: Term, _ name: Check.Name, _ noun: String, meaning: String
    ) -> Rule {
        .oneOf(
            key, of: term, .bytes([16], wanted: "\(noun.hasPrefix("i") ? "an" : "a") \(noun) has 32 hex digits"),
            (name, name), intro: "its \(noun) is", meaning: meaning
        ) { owner, _ in
            "The guest's \(noun) is not among those of \(owner.whose): launch it with an ID block that has one of them."
        }
    }

    // MARK: How the guest was launched

    private static let permissions = Flags([
        ("smt", GuestPolicy.smtAllowed.rawValue, "run beside another thread of its core (SMT)", nil),
        (
            "debug", GuestPolicy.debugAllowed.rawValue, "be read and changed by its host (debug)",
            "guests that their host can read and change get in, where snp.allow_debug is set."
        ),
        (
            "migration_agent", GuestPolicy.migrationAgentAllowed.rawValue, "be moved by a migration agent",
            "guests that their host can move get in, where snp.allow_migration_agent is set."
        ), ("cxl", GuestPolicy.cxlAllowed.rawValue, "have memory on CXL devices", nil),
    ])

    private static let restrictions = Flags([
        ("single_socket", GuestPolicy.singleSocket.rawValue, "a single socket", nil),
        ("memory_aes_256_xts", GuestPolicy.memoryAES256XTS.rawValue, "memory encryption with AES-256-XTS", nil),
        ("rapl_disabled", GuestPolicy.raplDisabled.rawValue, "no power readings (RAPL)", nil),
        ("ciphertext_hiding", GuestPolicy.ciphertextHiding.rawValue, "ciphertext hiding", nil),
        ("page_swap_disabled", GuestPolicy.pageSwapDisabled.rawValue, "no swapping of its pages", nil),
    ])

    private static let allow = Rule(
        .allow, .flags(permissions, mayBeEmpty: true), usual: .bits(GuestPolicy.smtAllowed.rawValue),
        meaning: "let its host do no more than this: `smt`, `debug`, `migration_agent`, `cxl`", unsaid: "`[\"smt\"]`",
        words: { rules, _ in
            let mayDo = permissions.meanings(of: rules.bits(.allow) ?? 0)
            return mayDo.isEmpty ? "it lets its host do nothing that a guest can forbid" : "it can at most \(mayDo)"
        },
        judge: { $0.permissions })

    private static let require = Rule(
        .require, .flags(restrictions),
        meaning:
            "demand this of its host: `single_socket`, `memory_aes_256_xts`, `rapl_disabled`, `ciphertext_hiding`, "
            + "`page_swap_disabled`",
        words: { rules, _ in
            rules.bits(.require).map { "it demands of its host: \(restrictions.meanings(of: $0))" }
        },
        judge: { $0.restrictions })

    private static let vmpl = Rule(
        .vmpl, .number(most: 3), meaning: "have made its report at this privilege level", unsaid: "`snp.vmpl`",
        words: { rules, _ in
            let wanted = rules.number(.vmpl).map { "\($0)" } ?? rules.number(.maxVMPL).map { "at most \($0)" }
            return wanted.map { "its report was made at VMPL \($0)" } ?? "its report was made at the server's snp.vmpl"
        },
        judge: { $0.privilegeLevel })

    private static let maxVMPL = Rule(
        .maxVMPL, .number(most: 3), meaning: "have made its report at most at this one, in place of `vmpl`")

    // MARK: What it runs on

    private static let products = Rule.oneOf(
        .products, of: SNPTerm.product,
        .words(Product.allCases.map(\.rawValue), wanted: "a product is Milan, Genoa or Turin", inAnyCase: true),
        (.snpProducts, .policyProduct), intro: "it runs on",
        meaning: "run on one of these: `Milan`, `Genoa`, `Turin`"
    ) { owner, found in
        if case .policy(let name) = owner {
            return "The policy \(name) does not let this processor's guests in: run the guest on one of its `products`."
        }
        return "This server takes no guests on \(found): run the guest on another processor, or add it to snp.products."
    }

    private static let cspIDs = Rule.oneOf(
        .cspIDs, of: SNPTerm.cspID, .texts, (.snpCSPID, .policyCSPID),
        intro: "a VLEK of this cloud provider signed its report:",
        meaning: "have a report signed by a VLEK of one of these cloud providers, as its certificate names them: "
            + "`CN=cc-us-east-2.amazonaws.com`. A VCEK names none"
    ) { owner, found in
        "The report is not signed by a VLEK of a cloud provider in \(owner.place("csp_ids", of: .snp)) (found: \(found)): "
            + "run the guest there, or add the provider."
    }

    private static let endorsements = Rule.oneOf(
        "endorsements", of: SNPTerm.endorsement,
        .words(EndorsementKey.Kind.allCases.map(\.rawValue), wanted: "it is vcek or vlek"),
        (.policyEndorsement, .policyEndorsement), intro: "a key of this kind signed its report:",
        meaning: "have a report signed by one of these kinds of key: `vcek`, `vlek`"
    ) { owner, _ in "\(owner.subject) asks for reports that another kind of key signs." }

    private static let chips = Rule(
        .chips,
        .bytes(
            [64, Product.turin.chipIDLength], wanted: "a chip has 128 hex digits, or 16 on Turin",
            none: "a chip of zeros, which is how hosts hide theirs"),
        meaning: "run on one of these chips, 128 hex digits (Turin: 16)",
        words: { rules, _ in rules[.chips].map { "it runs on one of \($0.words.count) chips" } },
        judge: { $0.chip })

    private static let platform = Flags([
        ("tsme", PlatformFeatures.tsme.rawValue, "transparent memory encryption (TSME)", nil),
        ("ecc", PlatformFeatures.ecc.rawValue, "memory with error correction (ECC)", nil),
        ("rapl_disabled", PlatformFeatures.raplDisabled.rawValue, "power readings turned off (RAPL)", nil),
        ("ciphertext_hiding", PlatformFeatures.ciphertextHiding.rawValue, "ciphertext hiding", nil),
        (
            "alias_check", PlatformFeatures.aliasCheckComplete.rawValue,
            "a check of its memory modules for aliases (BadRAM)", nil
        ),
    ])

    private static let requirePlatform = Rule(
        .requirePlatform, .flags(platform),
        meaning: "run on a host that has `tsme`, `ecc`, `rapl_disabled`, `ciphertext_hiding`, `alias_check`",
        words: { rules, _ in rules.bits(.requirePlatform).map { "its host has \(platform.meanings(of: $0))" } },
        judge: { $0.platform })

    private static let minimumTCB = Rule(
        .minimumTCB,
        .table { name, text in
            guard let product = Product.named(name) else {
                return .fault("has \"\(name.text.prefix(40))\", and a product is Milan, Genoa or Turin")
            }
            guard let version = TCBVersion(text.text, product: product) else {
                return .fault(
                    product == .turin
                        ? "needs five numbers for Turin, FMC first, such as 01.01.01.04.77"
                        : "needs four numbers for \(product.rawValue), such as 03.00.20.209")
            }
            return .entry(ExactText(product.rawValue), ExactText(version.description))
        },
        meaning:
            "run on firmware of which no component is lower: by REPORTED, COMMITTED, CURRENT and LAUNCH_TCB. A product "
            + "that is not listed is then refused",
        words: { rules, _ in
            guard case .table(let floors)? = rules[.minimumTCB] else { return nil }
            return
                "its host's TCB (reported, committed and current\(rules.holdsMinimumAtLaunch ? ", and at launch" : "")) is "
                + "at least "
                + Wording.either(floors.sorted { $0.key < $1.key }.map { "\($0.value) on \($0.key)" })
                + "; no other processor will do"
        },
        judge: { $0.minimumTCB })

    private static let minimumMitigations = Rule(
        .minimumMitigations, .bits(wanted: "needs the bits of the mitigation vector in hex, such as \"0x1\""),
        meaning:
            "run on firmware that has these mitigations in force, now and when the guest was launched: bits of the "
            + "report's mitigation vectors in hex, such as `\"0x1\"`. Reports before version 5 state none, and do not meet it",
        words: { rules, _ in
            rules.bits(.minimumMitigations).map {
                "its host's firmware has the mitigations 0x\(String($0, radix: 16)) in force"
                    + (rules.holdsMinimumAtLaunch ? ", and had when the guest was launched" : "")
            }
        },
        judge: { $0.mitigations })

    private static let minimumAtLaunch = Rule(
        .minimumAtLaunch, .bool,
        meaning:
            "nothing: `false` leaves LAUNCH_TCB and LAUNCH_MIT_VECTOR out of the two above, for guests that run on while "
            + "their host is updated",
        unsaid: "`true`")

    private static let committedFirmware = Rule(
        .allowProvisionalFirmware, .bool, isSetting: true,
        meaning: "run on firmware that is committed, so that it cannot be rolled back",
        judge: { $0.committedFirmware })
}

extension ReferenceValueSet.Kind {
    public static let measurement = ReferenceValueSet.Kind(
        "measurement", length: 48, aliases: ["measurement", "launch_digest"])
    /// Zeros mean that the host gave none: a policy may require that.
    public static let hostData = ReferenceValueSet.Kind(
        "host_data", length: 32, isZeroNone: false, aliases: ["host_data", "init_data"])
    public static let idKey = ReferenceValueSet.Kind("id_key", length: 48, aliases: ["id_key"])
    public static let authorKey = ReferenceValueSet.Kind("author_key", length: 48, aliases: ["author_key"])
}

extension ExactText {
    static let allow: ExactText = "allow"
    static let require: ExactText = "require"
    static let requirePlatform: ExactText = "require_platform"
    static let products: ExactText = "products"
    static let cspIDs: ExactText = "csp_ids"
    static let minimumTCB: ExactText = "minimum_tcb"
    static let minimumMitigations: ExactText = "minimum_mitigations"
    static let minimumAtLaunch: ExactText = "minimum_at_launch"
    static let vmpl: ExactText = "vmpl"
    static let maxVMPL: ExactText = "max_vmpl"
    static let chips: ExactText = "chips"
    static let allowProvisionalFirmware: ExactText = "allow_provisional_firmware"
    static let measurements: ExactText = "measurements"
    static let hostData: ExactText = "host_data"
}
