import Appraisal
import Bytes
import Crypto
import Evidence
import EvidenceSupport
import Foundation
import Testing

/// Each case breaks one thing, and the one check that looks at it must fail.
@Suite("Policies against claims")
struct PolicyEvaluationTests {
    static let time = Date(timeIntervalSince1970: 1_760_000_000)

    /// A guest, a policy of everything that it meets, and the reference values that the policy names.
    struct Scene: Sendable {
        var claims: SNPClaims
        var initData: [ExactText: ExactText] = ["aa.toml": "x"]
        var policy: Policy
        var references: ReferenceValues
        var server = AppraisalPolicy()

        init() throws {
            claims = SNPClaims(measurement: Simulated.measurement("app"), policy: .unstated)
            claims.product = .genoa
            claims.hostData = Simulated.digest("host")
            claims.idKeyDigest = Simulated.measurement("id key")
            claims.authorKeyDigest = Simulated.measurement("author key")
            claims.familyID = Array(repeating: 1, count: 16)
            claims.imageID = Array(repeating: 2, count: 16)
            claims.chipID = Array(repeating: 3, count: 64)
            claims.vmpl = 0
            claims.guestSVN = 7
            claims.platformInfo = 1 << 5 | 1
            claims.reportedTCB = TCBVersion("03.00.20.209")
            (claims.committedTCB, claims.currentTCB) = (TCBVersion("03.00.21.209"), TCBVersion("03.00.21.209"))
            claims.launchTCB = TCBVersion("03.00.20.210")
            claims.mitigations = StatedMitigations(current: 0b11, launch: 0b01)
            claims.endorsement = .vlek
            claims.cspID = "CN=cloud.example"
            claims.policy.formUnion([.singleSocket])

            policy = Policy(name: try PolicyName("web"))
            policy.products = [.milan, .genoa]
            policy.measurements = [.value(Simulated.measurement("other")), .set(try PolicyName("web-1"))]
            policy.hostData = [.value(claims.hostData)]
            policy.idKeyDigests = [.value(claims.idKeyDigest)]
            policy.authorKeyDigests = [.value(claims.authorKeyDigest)]
            policy.familyIDs = [claims.familyID]
            policy.imageIDs = [claims.imageID]
            policy.chips = [claims.chipID]
            policy.endorsements = [.vlek]
            policy.cspIDs = ["CN=other.example", "CN=cloud.example"]
            policy.minimumMitigations = 0b01
            policy.minimumTCB = [.genoa: try #require(TCBVersion("03.00.20.209"))]
            policy.vmpl = .atMost(1)
            policy.minimumGuestSVN = 7
            policy.requires = [.singleSocket]
            policy.platform = [.aliasCheckComplete]
            policy.initData = ["aa.toml": "x"]
            references = [:]
            try keep(["app", "third"])
        }

        /// Has the guest come with a Kata agent's policy, and the policy ask for it.
        mutating func addAgent(_ rego: String = rego()) {
            initData["policy.rego"] = ExactText(rego)
            policy.initData["policy.rego"] = nil
            policy.isInitDataOpen = true
            policy.containerImages = ["docker.io/library/nginx:1.27", "example.org/app@sha256:00"]
            policy.agentPolicyClaims = ["/containers/1/OCI/Process/Args/0": "/entrypoint.sh"]
            policy.agentPolicyRules = [Self.rulesDigest]
        }

        /// A Kata agent's policy as genpolicy writes it: rules, and the data of a pod's own container and one other.
        static func rego(
            images: [String] = ["docker.io/library/nginx:1.27"], rules: String = rules,
            arguments: String = "/entrypoint.sh"
        ) -> String {
            let containers = images.map {
                #"{"OCI":{"Annotations":{"io.kubernetes.cri.container-type":"container","#
                    + #""io.kubernetes.cri.image-name":"\#($0)"},"Process":{"Args":["\#(arguments)","}"],"User":{"UID":101}}}}"#
            }
            let sandbox =
                #"{"OCI":{"Annotations":{"io.kubernetes.cri.container-type":"sandbox"},"Process":{"Args":["/pause"]}}}"#
            return rules + "policy_data := {\"containers\":[" + ([sandbox] + containers).joined(separator: ",") + "]}\n"
        }

        static let rules = "package agent_policy\n# policy_data := {} stands below\ndefault AllowAll := false\n\n"
        static let rulesDigest = Array(SHA256.hash(data: Data((rules + "policy_data := \n").utf8)))

        mutating func keep(
            _ names: [String], kind: ReferenceValueSet.Kind = .measurement, expires: Date? = nil
        ) throws {
            let set = try ReferenceValueSet(
                name: PolicyName("web-1"), kind: kind, values: names.map(Simulated.measurement), source: "a test",
                expires: expires)
            references[set.name] = set
        }

        var verdict: Verdict {
            policy.evaluate(
                GuestClaims(claims.evidence, initData: initData), references: references, under: server,
                at: PolicyEvaluationTests.time)
        }
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let fails: Check.Name
        let change: @Sendable (inout Scene) throws -> Void

        init(_ name: String, _ fails: Check.Name, _ change: @escaping @Sendable (inout Scene) throws -> Void) {
            testDescription = name
            self.fails = fails
            self.change = change
        }
    }

    @Test("A guest that has all that a policy asks for gets in")
    func accepted() throws {
        let scene = try Scene()
        try scene.policy.check()
        #expect(scene.verdict.isAccepted, "\(scene.verdict.failures)")
        #expect(scene.verdict.checks.count == 21, "every rule is a check")
    }

    @Test("A guest whose agent's policy is what a policy asks for gets in; E6")
    func agentPolicy() throws {
        var scene = try Scene()
        scene.addAgent()
        try scene.policy.check()
        #expect(scene.verdict.isAccepted, "\(scene.verdict.failures)")
        #expect(scene.verdict.checks.count == 24)
        scene.initData["policy.rego"] = nil
        let failures = scene.verdict.failures.map(\.name)
        #expect(failures == [.policyContainerImages, .policyAgentClaims, .policyAgentClaims], "no init data state any")
        scene.policy.containerImages = nil
        #expect(try Policy(json: scene.policy.json) == scene.policy)
    }

    @Test("Init data beside those that a policy lists are the host's own, and taken where the policy says so; A10")
    func openInitData() throws {
        var scene = try Scene()
        scene.initData["cdh.toml"] = "another broker's address"
        #expect(scene.verdict.failures.map(\.name) == [.policyInitData])
        #expect(scene.verdict.sentence.contains("init_data_open"))
        scene.policy.isInitDataOpen = true
        try scene.policy.check()
        #expect(scene.verdict.isAccepted, "\(scene.verdict.failures)")
        #expect(try Policy(json: scene.policy.json) == scene.policy)
        scene.policy.initData = [:]
        #expect(throws: Refusal.self) { try scene.policy.check() }
    }

    @Test("An entry that a token states in another form counts: listed it differs, and unlisted it is one more")
    func reshapedInitData() throws {
        var scene = try Scene()
        func verdict(_ reshaped: Set<ExactText>) -> Verdict {
            scene.policy.evaluate(
                GuestClaims(scene.claims.evidence, initData: scene.initData, reshapedInitData: reshaped),
                references: scene.references, under: scene.server, at: Self.time)
        }
        #expect(verdict([]).isAccepted)
        #expect(verdict(["cdh.toml"]).failures.map(\.name) == [.policyInitData])
        #expect(verdict(["cdh.toml"]).sentence.contains("does not list"))
        scene.policy.isInitDataOpen = true
        #expect(verdict(["cdh.toml"]).isAccepted)
        scene.initData = [:]
        #expect(verdict(["aa.toml"]).failures.map(\.name) == [.policyInitData])
        #expect(verdict(["aa.toml"]).sentence.contains("not those of the policy"))
    }

    static let cases: [Case] = [
        Case("another technology", .policyTechnology) {
            $0.policy.rules = [.sample: Rules(["accepts_any_measurement": .bool(true)])]
        },
        Case("another processor", .policyProduct) { $0.policy.products = [.milan] },
        Case("no word on the processor", .policyProduct) {
            $0.claims.product = nil
            $0.policy.minimumTCB = [:]
        },
        Case("another image", .policyMeasurement) { $0.claims.measurement = Simulated.measurement("changed") },
        Case("a measurement that is cut", .policyMeasurement) { $0.claims.measurement.removeLast() },
        Case("another ID key", .policyIDKey) { $0.claims.idKeyDigest[47] ^= 1 },
        Case("no word on the ID key", .policyIDKey) { $0.claims.idKeyDigest = [] },
        Case("another author key", .policyAuthorKey) { $0.claims.authorKeyDigest[0] ^= 1 },
        Case("other host data", .policyHostData) { $0.claims.hostData[31] ^= 1 },
        Case("another family", .policyFamilyID) { $0.claims.familyID[0] ^= 1 },
        Case("another image id", .policyImageID) { $0.claims.imageID[0] ^= 1 },
        Case("another chip", .policyChip) { $0.claims.chipID[63] ^= 1 },
        Case("no word on the chip", .policyChip) { $0.claims.chipID = [] },
        Case("a chip of which the policy has the beginning", .policyChip) {
            $0.policy.chips = [Array(repeating: 3, count: 8)]
        },
        Case("another kind of key", .policyEndorsement) { $0.claims.endorsement = .vcek },
        Case("another cloud's key; A7", .policyCSPID) { $0.claims.cspID = "CN=cloud.example.org" },
        Case("no word on the cloud; A7", .policyCSPID) { $0.claims.cspID = nil },
        Case("a cloud that the server does not take; A7", .policyCSPID) { $0.server.snp.cspIDs = ["CN=other.example"] },
        Case("a processor that the server does not take; A17", .policyProduct) { $0.server.snp.products = [.turin] },
        Case("old firmware when the guest was launched; A7", .policyMinimumTCB) {
            $0.claims.launchTCB = TCBVersion("03.00.19.210")
        },
        Case("no word on the firmware at the launch; A7", .policyMinimumTCB) { $0.claims.launchTCB = nil },
        Case("old firmware that is in force; A7", .policyMinimumTCB) {
            $0.claims.currentTCB = TCBVersion("02.00.21.209")
        },
        Case("old firmware that is committed; A7", .policyMinimumTCB) {
            $0.claims.committedTCB = TCBVersion("03.00.21.208")
        },
        Case("a mitigation that was missing at the launch; A7", .policyMitigations) {
            $0.policy.minimumMitigations = 0b10
        },
        Case("a mitigation that the server wants; A7", .policyMitigations) { $0.server.snp.minimumMitigations = 0b100 },
        Case("no word on mitigations; A7", .policyMitigations) { $0.claims.mitigations = StatedMitigations() },
        Case("an image that is not listed; E6", .policyContainerImages) {
            $0.addAgent(Scene.rego(images: ["docker.io/library/nginx:1.27", "evil.example.org/x"]))
        },
        Case("no images at all; E6", .policyContainerImages) {
            $0.addAgent(Scene.rego(images: []))
            $0.policy.agentPolicyClaims = [:]
        },
        Case("a container without an image's name; E6", .policyContainerImages) {
            $0.addAgent(
                Scene.rego().replacing("\"io.kubernetes.cri.container-type\":\"sandbox\"", with: "\"x\":\"y\""))
        },
        Case("other arguments; E6", .policyAgentClaims) {
            $0.addAgent(Scene.rego(arguments: "/bin/sh"))
        },
        Case("a path that leads to nothing; E6", .policyAgentClaims) {
            $0.addAgent()
            $0.policy.agentPolicyClaims = ["/containers/01/OCI/Process/Args/0": "/entrypoint.sh"]
        },
        Case("rules of the host's own; E6", .policyAgentClaims) {
            $0.addAgent(Scene.rego(rules: "package agent_policy\ndefault AllowAll := true\n"))
        },
        Case("no word on the key", .policyEndorsement) { $0.claims.endorsement = nil },
        Case("an old boot loader", .policyMinimumTCB) { $0.claims.reportedTCB = TCBVersion("02.00.20.209") },
        Case("an old TEE", .policyMinimumTCB) { $0.policy.minimumTCB[.genoa] = TCBVersion("03.01.20.209") },
        Case("old SNP firmware", .policyMinimumTCB) { $0.claims.reportedTCB = TCBVersion("03.00.19.255") },
        Case("old microcode", .policyMinimumTCB) { $0.claims.reportedTCB = TCBVersion("09.09.99.208") },
        Case("a processor without a minimum", .policyMinimumTCB) { $0.claims.product = .milan },
        Case("no word on the TCB", .policyMinimumTCB) { $0.claims.reportedTCB = nil },
        Case("less than the server's minimum", .policyMinimumTCB) {
            $0.server.snp.minimumTCB = [.genoa: try #require(TCBVersion("04.00.00.00"))]
        },
        Case("the server's minimum, and a policy without", .policyMinimumTCB) {
            $0.policy.minimumTCB = [:]
            $0.server.snp.minimumTCB = [.genoa: try #require(TCBVersion("04.00.00.00"))]
        },
        Case("too low a privilege", .policyVMPL) { $0.claims.vmpl = 2 },
        Case("another privilege level", .policyVMPL) { $0.policy.vmpl = .exactly(1) },
        Case("another privilege level than the server's", .policyVMPL) {
            $0.policy.vmpl = nil
            $0.claims.vmpl = 1
        },
        Case("a report for the host", .policyVMPL) { $0.claims.vmpl = .max },
        Case("no word on the privilege level", .policyVMPL) { $0.claims.vmpl = nil },
        Case("an old guest", .policyGuestSVN) { $0.claims.guestSVN = 6 },
        Case("no word on the guest's version", .policyGuestSVN) { $0.claims.guestSVN = nil },
        Case("debugging", .policyDebug) { $0.claims.policy.formUnion(.debugAllowed) },
        Case("debugging that only the policy allows", .policyDebug) {
            $0.claims.policy.formUnion(.debugAllowed)
            $0.policy.allows.formUnion(.debugAllowed)
        },
        Case("debugging that only the server allows", .policyDebug) {
            $0.claims.policy.formUnion(.debugAllowed)
            $0.server.snp.allowsDebug = true
        },
        Case("a migration agent", .policyMigrationAgent) { $0.claims.policy.formUnion(.migrationAgentAllowed) },
        Case("a migration agent that only the policy allows", .policyMigrationAgent) {
            $0.claims.policy.formUnion(.migrationAgentAllowed)
            $0.policy.allows.formUnion(.migrationAgentAllowed)
        },
        Case("a migration agent that only the server allows", .policyMigrationAgent) {
            $0.claims.policy.formUnion(.migrationAgentAllowed)
            $0.server.snp.allowsMigrationAgent = true
        },
        Case("SMT", .policyPermissions) { $0.policy.allows = [] },
        Case("CXL", .policyPermissions) { $0.claims.policy.formUnion(.cxlAllowed) },
        Case("more than one socket", .policyRestrictions) { $0.claims.policy.subtract(.singleSocket) },
        Case("no check for aliases", .policyPlatform) { $0.claims.platformInfo = 1 },
        Case("no word on the platform", .policyPlatform) { $0.claims.platformInfo = nil },
        Case("other init data", .policyInitData) { $0.initData["aa.toml"] = "z" },
        Case("init data with a KELVIN SIGN for K", .policyInitData) {
            $0.policy.initData["policy.rego"] = "input.Kind"
            $0.initData["policy.rego"] = "input.\u{212A}ind"
        },
        Case("init data with a Greek question mark for ;", .policyInitData) {
            $0.policy.initData["policy.rego"] = "a; b"
            $0.initData["policy.rego"] = "a\u{37E} b"
        },
        Case("init data with a Greek varia for a backtick", .policyInitData) {
            $0.policy.initData["policy.rego"] = "`a`"
            $0.initData["policy.rego"] = "\u{1FEF}a\u{1FEF}"
        },
        Case("init data with accents apart from their letters", .policyInitData) {
            $0.policy.initData["policy.rego"] = "caf\u{E9}"
            $0.initData["policy.rego"] = "cafe\u{301}"
        },
        Case("init data under a name with a KELVIN SIGN", .policyInitData) {
            $0.policy.initData["K.rego"] = "x"
            $0.initData["\u{212A}.rego"] = "x"
        },
        Case("init data with more than the policy lists", .policyInitData) { $0.initData["cdh.toml"] = "url" },
        Case("no init data", .policyInitData) { $0.initData = [:] },
    ]

    @Test("A guest that falls short in one thing is refused, and told in what", arguments: cases)
    func refused(one: Case) throws {
        var scene = try Scene()
        try one.change(&scene)
        #expect(scene.verdict.failures.map(\.name) == [one.fails])
        #expect(!scene.verdict.isAccepted && !scene.verdict.sentence.isEmpty)
    }

    static let allowed: [(String, @Sendable (inout Scene) throws -> Void)] = [
        (
            "debugging that both allow",
            {
                $0.claims.policy.formUnion(.debugAllowed)
                $0.policy.allows.formUnion(.debugAllowed)
                $0.server.snp.allowsDebug = true
            }
        ),
        (
            "a migration agent that both allow",
            {
                $0.claims.policy.formUnion(.migrationAgentAllowed)
                $0.policy.allows.formUnion(.migrationAgentAllowed)
                $0.server.snp.allowsMigrationAgent = true
            }
        ),
        (
            "a newer TCB and guest",
            {
                $0.claims.reportedTCB = TCBVersion("04.01.21.210")
                $0.claims.guestSVN = 8
            }
        ),
        (
            "a Turin chip, whose name is eight bytes",
            {
                $0.policy.chips = [Array(repeating: 3, count: 8)]
                $0.claims.chipID = Array(repeating: 3, count: 8) + Array(repeating: 0, count: 56)
            }
        ),
        ("the highest privilege level that is asked for", { $0.claims.vmpl = 1 }),
        ("more restrictions than are asked for", { $0.claims.policy.formUnion(.ciphertextHiding) }),
    ]

    @Test("What a policy allows is let in", arguments: allowed.indices)
    func permitted(index: Int) throws {
        var scene = try Scene()
        try Self.allowed[index].1(&scene)
        #expect(scene.verdict.isAccepted, "\(Self.allowed[index].0): \(scene.verdict.failures)")
    }

    // MARK: Reference values

    @Test("Reference values that have expired let nobody in, and the guest's operator is told that they did")
    func expired() throws {
        var scene = try Scene()
        try scene.keep(["app"], expires: Self.time)
        #expect(scene.verdict.failures.map(\.name) == [.policyMeasurement])
        #expect(scene.verdict.sentence.contains("@web-1, which have it, expired on 2025-10-09"))
        try scene.keep(["app"], expires: Self.time.addingTimeInterval(1))
        #expect(scene.verdict.isAccepted)
    }

    @Test("Of a set the values in force let in, and no others; what is to come and what is over is told")
    func lives() throws {
        var scene = try Scene()
        func keep(_ app: ValidityPeriod, next: PolicyName? = nil) throws {
            let set = try ReferenceValueSet(
                name: PolicyName("web-1"), kind: .measurement,
                values: [
                    ReferenceValue(Simulated.measurement("app"), app), ReferenceValue(Simulated.measurement("b")),
                ], source: "a test", supersededBy: next)
            scene.references[set.name] = set
        }
        try keep(ValidityPeriod(from: Self.time, expires: Self.time + 1))
        #expect(scene.verdict.isAccepted)
        try keep(ValidityPeriod(from: Self.time + 1))
        #expect(scene.verdict.failures.map(\.name) == [.policyMeasurement])
        #expect(scene.verdict.sentence.contains("@web-1, which have it, are valid from 2025-10-09T"))
        try keep(ValidityPeriod(expires: Self.time), next: try PolicyName("web-2"))
        #expect(scene.verdict.failures.map(\.name) == [.policyMeasurement])
        #expect(scene.verdict.sentence.contains("launch the guest from what @web-2 stands for"))
    }

    @Test("Reference values that are not there let nobody in, and are named")
    func missing() throws {
        var scene = try Scene()
        scene.references = [:]
        #expect(scene.verdict.failures.map(\.name) == [.policyMeasurement])
        #expect(scene.verdict.sentence.contains("@web-1 do not exist"))
    }

    @Test("Reference values of another kind let nobody in, whatever they hold")
    func otherKind() throws {
        var scene = try Scene()
        try scene.keep(["app"], kind: .idKey)
        #expect(scene.verdict.failures.map(\.name) == [.policyMeasurement])
        #expect(scene.verdict.sentence.contains("of the kind id_key and not measurement"))
    }

    @Test("A value beside a set that does not count is enough")
    func eitherValue() throws {
        var scene = try Scene()
        scene.references = [:]
        scene.policy.measurements?.append(.value(scene.claims.measurement))
        #expect(scene.verdict.isAccepted)
    }

    // MARK: Samples

    @Test("A sample gets in by a policy that is for samples, and by no other")
    func samples() throws {
        let claims = GuestClaims(Claims(.sample, [SampleTerm.svn: .text("1")]))
        var server = AppraisalPolicy()
        server.allowsSample = true
        func verdict(_ policy: Policy) -> Verdict {
            policy.evaluate(claims, references: [:], under: server, at: Self.time)
        }
        var policy = Policy(name: try PolicyName("trial"))
        policy.acceptsAnyMeasurement = true
        #expect(verdict(policy).failures.map(\.name) == [.policyTechnology])
        policy.rules[.sample] = Rules(["accepts_any_measurement": .bool(true)])
        #expect(verdict(policy).isAccepted)
        policy.rules[.sample] = Rules()
        #expect(verdict(policy).failures.map(\.name) == [.policyMeasurement])
        #expect(throws: Refusal.self) { try policy.check() }
    }

    @Test("A sample that attested where samples are taken gets in nowhere else, whatever the policy says")
    func samplesElsewhere() throws {
        var policy = Policy(name: try PolicyName("trial"))
        policy.rules[.sample] = Rules(["accepts_any_measurement": .bool(true)])
        let verdict = policy.evaluate(
            GuestClaims(Claims(.sample, [SampleTerm.svn: .text("1")])), references: [:], under: AppraisalPolicy(),
            at: Self.time)
        #expect(verdict.failures.map(\.name) == [.policyTechnology])
    }

    @Test(
        "Reference values of zeros, by which reports say none, are no set", arguments: ReferenceValueSet.Kind.allCases)
    func zeros(_ kind: ReferenceValueSet.Kind) throws {
        guard let length = kind.length else { return }
        let values = [Array(repeating: UInt8(1), count: length), Array(repeating: 0, count: length)]
        let name = try PolicyName("zeros")
        func make() throws {
            _ = try ReferenceValueSet(name: name, kind: kind, values: values, source: "", expires: nil)
        }
        // Host data of zeros are a host's that gave none: a policy may ask for that.
        if kind == .hostData { return try make() }
        let refusal = #expect(throws: Refusal.self) { try make() }
        #expect(refusal?.sentence.contains("zeros") == true)
    }

    // MARK: Policies that mean nothing

    static let broken: [(String, @Sendable (inout Policy) throws -> Void)] = [
        (
            "accepts_any_measurement",
            {
                ($0.measurements, $0.idKeyDigests, $0.authorKeyDigests) = (nil, nil, nil)
            }
        ),
        ("accepts_any_measurement", { $0.acceptsAnyMeasurement = true }),
        ("measurements", { $0.measurements = [] }),
        ("measurements", { $0.measurements = [.value(Array(repeating: 1, count: 32))] }),
        ("id_key_digests", { $0.idKeyDigests = [.value(Array(repeating: 0, count: 48))] }),
        ("author_key_digests", { $0.authorKeyDigests = [.value(Array(repeating: 0, count: 48))] }),
        ("host_data", { $0.hostData = [.value(Array(repeating: 1, count: 48))] }),
        ("family_ids", { $0.familyIDs = [[1]] }), ("image_ids", { $0.imageIDs = [] }),
        ("chips", { $0.chips = [Array(repeating: 0, count: 64)] }),
        ("chips", { $0.chips = [Array(repeating: 1, count: 63)] }), ("[snp] or [sample]", { $0.tees = [] }),
        ("products", { $0.products = [] }), ("endorsements", { $0.endorsements = [] }),
        ("max_vmpl", { $0.vmpl = .atMost(4) }), ("vmpl", { $0.vmpl = .exactly(4) }),
        ("minimum_tcb", { $0.minimumTCB[.turin] = TCBVersion("03.00.20.209") }),
        ("csp_ids", { $0.cspIDs = [] }), ("container_images", { $0.containerImages = [] }),
        ("agent_policy_rules", { $0.agentPolicyRules = [[1]] }),
        ("agent_policy_claims", { $0.agentPolicyClaims = ["containers.0": "x"] }),
        (
            "minimum_at_launch",
            {
                ($0.minimumTCB, $0.minimumMitigations, $0.holdsMinimumAtLaunch) = ([:], 0, false)
            }
        ),
        ("vmpl", { $0.rules[.snp]?["vmpl"] = .bool(true) }),
        ("surprise", { $0.rules[.snp]?["surprise"] = .bool(true) }),
        ("allow_provisional_firmware", { $0.rules[.snp]?["allow_provisional_firmware"] = .bool(true) }),
        ("allow", { $0.rules[.snp]?["allow"] = .bits(1) }), ("require", { $0.rules[.snp]?["require"] = .bits(0) }),
        ("products", { $0.rules[.snp]?["products"] = .texts(["Rome"]) }),
        ("minimum_tcb", { $0.rules[.snp]?["minimum_tcb"] = .table(["Rome": "1.2.3.4"]) }),
        ("measurements", { $0.rules[.sample] = Rules(["measurements": .digests([.value([1])])]) }),
        ("opa", { $0.agentDecision = "../policies" }), ("opa", { $0.agentDecision = "policy/1allow" }),
        ("opa", { $0.agentDecision = "" }), ("opa", { $0.agentDecision = "policy/allow?x" }),
    ]

    @Test("A policy that means nothing, or everyone, is refused, and the rule is named", arguments: broken.indices)
    func senseless(index: Int) throws {
        var policy = try Scene().policy
        try Self.broken[index].1(&policy)
        let refusal = #expect(throws: Refusal.self) { try policy.check() }
        #expect(refusal?.code == .invalidField && refusal?.sentence.contains(": \(Self.broken[index].0) ") == true)
    }

    @Test("A policy with nothing but what a host chooses needs to say that it takes any measurement")
    func hostChosen() throws {
        var policy = Policy(name: try PolicyName("web"))
        policy.hostData = [.value(Simulated.digest("x"))]
        policy.familyIDs = [Array(repeating: 1, count: 16)]
        #expect(throws: Refusal.self) { try policy.check() }
        policy.acceptsAnyMeasurement = true
        try policy.check()
    }

    // MARK: As they are kept

    @Test("A policy comes back from its JSON as it was, and one of another form is refused")
    func codable() throws {
        var policy = try Scene().policy
        policy.description = "The \"web\""
        policy.agentDecision = "policy/allow"
        for vmpl in [nil, .exactly(0), .atMost(3)] as [Policy.VMPL?] {
            policy.vmpl = vmpl
            #expect(try Policy(json: policy.json) == policy)
            let later = policy.json.replacing("\"form\":4", with: "\"form\":5")
            #expect(throws: Refusal.self) { try Policy(json: later) }
        }
    }

    @Test("A rule that another version has added is not overlooked: the policy decides nothing")
    func laterRules() throws {
        let json = try Scene().policy.json
        for later in [
            json.replacing("\"vmpl\":", with: "\"xvmpl\":").replacing("\"max_vmpl\":", with: "\"max_xvmpl\":"),
            json.replacing("\"snp\":{", with: "\"tdx\":{},\"snp\":{"),
        ] {
            #expect(later != json)
            #expect(throws: Refusal.self) { try Policy(json: later) }
        }
    }

    @Test("A minimum that does not hold at the launch is met by a guest that older firmware launched; A7")
    func laterLaunch() throws {
        var scene = try Scene()
        scene.claims.launchTCB = TCBVersion("01.00.00.00")
        scene.policy.minimumMitigations = 0b10
        #expect(Set(scene.verdict.failures.map(\.name)) == [.policyMinimumTCB, .policyMitigations])
        scene.policy.holdsMinimumAtLaunch = false
        #expect(scene.verdict.isAccepted, "\(scene.verdict.failures)")
        // The server's own minimum has its own word on that.
        scene.server.snp.minimumTCB[.genoa] = TCBVersion("02.00.00.00")
        #expect(scene.verdict.failures.map(\.name) == [.policyMinimumTCB])
        scene.server.snp.holdsMinimumAtLaunch = false
        #expect(scene.verdict.isAccepted)
    }

    static let otherForms: [(ExactText, Condition, Check.Name)] = [
        ("measurements", .bool(true), .policyMeasurement), ("family_ids", .bool(true), .policyFamilyID),
        ("products", .bits(1), .policyProduct), ("chips", .texts(["a"]), .policyChip),
        ("min_guest_svn", .bool(true), .policyGuestSVN), ("require_platform", .bool(true), .policyPlatform),
        ("minimum_tcb", .bool(true), .policyMinimumTCB), ("minimum_mitigations", .bool(true), .policyMitigations),
    ]

    @Test(
        "A condition in another rule's form lets nobody in, should one ever come so far", arguments: otherForms.indices)
    func otherForm(_ index: Int) throws {
        let (key, condition, name) = Self.otherForms[index]
        var scene = try Scene()
        scene.policy.rules[.snp]?[key] = condition
        #expect(scene.verdict.failures.map(\.name) == [name])
    }

    @Test("Claims that are kept in another form than their terms' are refused")
    func unfitClaims() {
        for claims in [
            #"{"vmpl":"0"}"#, #"{"measurement":"xy"}"#, #"{"policy":"196608"}"#, #"{"product":"Rome"}"#,
            #"{"reported_tcb":"1.2"}"#, #"{"csp_id":1}"#, "[]",
        ] {
            #expect(throws: MalformedInput.self) { try GuestClaims(json: #"{"tee":"snp","claims":\#(claims)}"#) }
        }
        #expect(throws: MalformedInput.self) { try GuestClaims(json: #"{"tee":"tdx","claims":{}}"#) }
    }

    @Test("Claims come back from their JSON as they were, all of them and the least of them")
    func claims() throws {
        let all = GuestClaims(try Scene().claims.evidence, initData: ["a": "b"])
        let least = GuestClaims(SNPClaims(measurement: [1, 2], policy: GuestPolicy(rawValue: .max)).evidence)
        for claims in [all, least, GuestClaims(Claims(.sample, [SampleTerm.svn: .text("1")]))] {
            #expect(try GuestClaims(json: claims.json, initData: claims.initDataJSON) == claims)
        }
    }
}
