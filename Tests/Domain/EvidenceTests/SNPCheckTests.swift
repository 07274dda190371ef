import Appraisal
import Bytes
import Crypto
import EvidenceSupport
import Foundation
import SimulatedHardware
import Testing

@testable import Evidence

/// A negative for each check: each case breaks one thing, and the one check that looks at it must fail.
@Suite("SNP checks on simulated hardware")
struct SNPCheckTests {
    static let time = Date(timeIntervalSince1970: 1_760_000_000)

    /// A chip of each product with an honest report, and what it is expected to say.
    struct Scene: Sendable {
        var platform: SimulatedSNPPlatform
        var signer: SimulatedSNPPlatform.SigningKey
        var template: ReportTemplate
        var expected: SNPExpectations
        var anchors: SNPAnchors
        var time = SNPCheckTests.time

        init(_ product: Product = .milan, kind: EndorsementKey.Kind = .vcek, version: UInt32 = 3) throws {
            let tcb = TCBVersion(fmc: product == .turin ? 1 : nil, bootLoader: 4, tee: 0, snp: 22, microcode: 213)
            platform = try SNPCheckTests.platform(product)
            signer = try kind == .vcek ? platform.vcek(tcb: tcb) : platform.vlek(tcb: tcb, validFor: 5)
            template = ReportTemplate(of: platform, tcb: tcb)
            template.version = version
            template.keyInfo = kind == .vlek ? 1 << 2 : 0
            template.measurement = Array(repeating: 0xA5, count: 48)
            template.reportData = Array(repeating: 0x3C, count: 64)
            expected = SNPExpectations(measurement: template.measurement, reportData: template.reportData)
            anchors = try Anchors.vendors.trusting(platform.roots).snp
        }

        func verdict(authorities: [Evidence.Certificate]? = nil) throws -> Verdict {
            let report = try AttestationReport(bytes: template.signed(by: signer))
            let chains = anchors.chains(
                of: [try EndorsementKey(signer.certificate)],
                among: authorities ?? [platform.ask, platform.asvk, platform.ark])
            let chain: AppraisedChain = try #require(chains.first)
            return SNPVerifier.verify(report, endorsement: chain, expecting: expected, at: time)
        }
    }

    /// RSA keys take their time, so each product's platform is made once.
    private static let platforms: [Product: Result<SimulatedSNPPlatform, any Error>] = Dictionary(
        uniqueKeysWithValues: Product.allCases.map { product in
            (product, Result { try SimulatedSNPPlatform(product: product) })
        })

    private static func platform(_ product: Product) throws -> SimulatedSNPPlatform {
        try #require(platforms[product]).get()
    }

    @Test(
        "An honest report is accepted, on every product, of every version, by either kind of key",
        arguments: Product.allCases, [2, 3, 4, 5] as [UInt32])
    func honest(product: Product, version: UInt32) throws {
        for kind in [EndorsementKey.Kind.vcek, .vlek] {
            let verdict = try Scene(product, kind: kind, version: version).verdict()
            #expect(verdict.isAccepted, "\(verdict.failures)")
        }
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let fails: [Check.Name]
        let change: @Sendable (inout Scene) throws -> Void

        init(_ name: String, _ fails: Check.Name..., change: @escaping @Sendable (inout Scene) throws -> Void) {
            testDescription = name
            self.fails = fails
            self.change = change
        }
    }

    static let cases: [Case] = [
        Case("version 6", .snpVersion) { $0.template.version = 6 },
        Case("version 1", .snpVersion) { $0.template.version = 1 },
        Case("a reserved byte after KEY_INFO", .snpLayout) { $0.template.patches[0x4D] = 1 },
        Case("a reserved byte after CPUID", .snpLayout) { $0.template.patches[0x18B] = 1 },
        Case("a reserved byte in the firmware's version", .snpLayout) { $0.template.patches[0x1EB] = 1 },
        Case("a reserved byte at the end", .snpLayout) { $0.template.patches[0x29F] = 1 },
        Case("mitigation vectors before version 5", .snpLayout) { $0.template.patches[0x1F8] = 1 },
        Case("CPUID in version 2", .snpLayout) {
            $0.template.version = 2
            $0.template.patches[0x188] = 0x19
        },
        Case("a reserved bit of KEY_INFO", .snpLayout) { $0.template.keyInfo |= 1 << 5 },
        Case("policy bit 17 at zero", .snpLayout) { $0.template.policy = .smtAllowed },
        Case("a policy bit that is not known", .snpLayout) {
            $0.template.policy.formUnion(GuestPolicy(rawValue: 1 << 26))
        },
        Case("a reserved byte of REPORTED_TCB", .snpLayout) { $0.template.patches[0x183] = 1 },
        Case("signature algorithm 2", .snpSignatureAlgorithm) { $0.template.signatureAlgorithm = 2 },
        Case("another processor's CPUID", .snpProduct) { $0.template.processor = [0x19, 0x11, 0x01] },
        Case("an unknown processor", .snpProduct) { $0.template.processor = [0x17, 0x31, 0x00] },
        Case("a report that names a VLEK, with a VCEK", .snpSigningKey) { $0.template.keyInfo = 1 << 2 },
        Case("a report that no key signed", .snpSigningKey) { $0.template.keyInfo = 7 << 2 },
        Case("a TCB that is not the certificate's", .snpReportedTCB) {
            $0.template.reportedTCB = TCBVersion(bootLoader: 4, tee: 0, snp: 22, microcode: 212)
        },
        Case("another chip", .snpChip) { $0.template.chipID[0] ^= 1 },
        Case("a masked chip", .snpChip) { $0.template.chipID = Array(repeating: 0, count: 64) },
        Case("the mask bit", .snpChip) { $0.template.keyInfo = 0b10 },
        Case("a forged signature", .snpSignature) { $0.signer = $0.signer.forged },
        Case("another `gen`", .snpGeneration) { $0.expected.binding.generation = .genoa },
        Case("other report data", .snpReportData) { $0.template.reportData[63] ^= 1 },
        Case("another measurement", .snpMeasurement) { $0.template.measurement[0] ^= 1 },
        Case("init data that the guest was not launched with", .snpHostData) {
            $0.expected.binding.hostData = Array(repeating: 1, count: 32)
        },
        Case("SMT, where it was not registered", .snpPolicy) { $0.expected.policy = .reservedOne },
        Case("a migration agent, where none was registered", .snpPolicy) {
            $0.template.policy.formUnion(.migrationAgentAllowed)
            $0.expected.server.allowsMigrationAgent = true
        },
        Case("a migration agent that only the workload allows", .snpMigrationAgent) {
            $0.template.policy.formUnion(.migrationAgentAllowed)
            $0.expected.policy?.formUnion(.migrationAgentAllowed)
        },
        Case("RAPL, where it was registered to be off", .snpPolicy) { $0.expected.policy?.formUnion(.raplDisabled) },
        Case("page swap, where it was registered to be off", .snpPolicy) {
            $0.expected.policy?.formUnion(.pageSwapDisabled)
        },
        Case("CXL", .snpPolicy) { $0.template.policy.formUnion(.cxlAllowed) },
        Case("sockets, where a single one was registered", .snpPolicy) { $0.expected.policy?.formUnion(.singleSocket) },
        Case("no AES-256-XTS, where it was registered", .snpPolicy) { $0.expected.policy?.formUnion(.memoryAES256XTS) },
        Case("no ciphertext hiding, where it was registered", .snpPolicy) {
            $0.expected.policy?.formUnion(.ciphertextHiding)
        },
        Case("an ABI floor under the registered one", .snpPolicy) {
            $0.expected.policy?.formUnion(GuestPolicy(rawValue: 0x0137))
        },
        Case("debug that only the workload allows", .snpDebug) {
            $0.template.policy.formUnion(.debugAllowed)
            $0.expected.policy?.formUnion(.debugAllowed)
        },
        Case("debug that only the server allows", .snpPolicy) {
            $0.template.policy.formUnion(.debugAllowed)
            $0.expected.server.allowsDebug = true
        },
        Case("VMPL 1", .snpVMPL) { $0.template.vmpl = 1 },
        Case("a report that the host asked for", .snpVMPL) { $0.template.vmpl = 0xFFFF_FFFF },
        Case("a TCB under the floor in one component", .snpMinimumTCB) {
            $0.expected.server.minimumTCB[.milan] = TCBVersion(bootLoader: 3, tee: 0, snp: 23, microcode: 0)
        },
        Case("a host that ran firmware under the floor when the guest was launched; A7", .snpMinimumTCB) {
            $0.expected.server.minimumTCB[.milan] = $0.template.reportedTCB
            $0.template.launchTCB = TCBVersion(bootLoader: 4, tee: 0, snp: 21, microcode: 213)
        },
        Case("a COMMITTED_TCB under the floor; A7", .snpMinimumTCB) {
            $0.expected.server.minimumTCB[.milan] = $0.template.reportedTCB
            $0.expected.server.allowsProvisionalFirmware = true
            $0.template.launchTCB = $0.template.reportedTCB
            $0.template.committedTCB = TCBVersion(bootLoader: 4, tee: 0, snp: 22, microcode: 0)
        },
        Case("a CURRENT_TCB under the floor; A7", .snpMinimumTCB) {
            $0.expected.server.minimumTCB[.milan] = $0.template.reportedTCB
            $0.template.currentTCB = TCBVersion(bootLoader: 3, tee: 0, snp: 22, microcode: 213)
        },
        Case("a report that states no mitigations; A7", .snpMitigations) { $0.expected.server.minimumMitigations = 1 },
        Case("a mitigation that is not in force; A7", .snpMitigations) {
            $0.template.version = 5
            $0.template.mitigations = (0b101, 0b111)
            $0.expected.server.minimumMitigations = 0b11
        },
        Case("a mitigation that was not in force at the launch; A7", .snpMitigations) {
            $0.template.version = 5
            $0.template.mitigations = (0b111, 0b101)
            $0.expected.server.minimumMitigations = 0b11
        },
        Case("a processor that the server does not take; A17", .snpProducts) {
            $0.expected.server.products = [.genoa, .turin]
        },
        Case("a VCEK, where a cloud's VLEK is asked for; A7", .snpCSPID) {
            $0.expected.server.cspIDs = ["CN=cloud.example"]
        },
        Case("firmware that is not committed", .snpProvisional) {
            $0.template.committedTCB = TCBVersion(bootLoader: 4, tee: 0, snp: 21, microcode: 213)
        },
        Case("a build that is not committed", .snpProvisional) { $0.template.committedFirmware = [3, 55, 1] },
        Case("before the certificates are valid", .snpValidity) {
            $0.time = Date(timeIntervalSince1970: 1_699_999_999)
        },
        Case("after the VCEK has expired", .snpValidity) { $0.time = Date(timeIntervalSince1970: 1_930_000_000) },
        Case("a root that is not pinned", .snpRoot) { $0.anchors = .amd },
        Case("a root that is pinned for another product", .snpRoot) {
            $0.anchors = SNPAnchors.amd.trusting($0.platform.ark.publicKeyFingerprint, for: .genoa)
        },
    ]

    @Test("What is wrong fails the check that looks at it, and no other", arguments: cases)
    func negative(example: Case) throws {
        var scene = try Scene()
        try example.change(&scene)
        let verdict = try scene.verdict()
        #expect(verdict.failures.map(\.name) == example.fails)
        #expect(!verdict.isAccepted)
    }

    @Test("Every check has a negative here or among the certificates' and signatures' tests")
    func coverage() throws {
        var named = Set(Self.cases.flatMap(\.fails))
        // SNPChainTests and SNPSignatureTests have these.
        named.formUnion([.snpRootSignature, .snpIntermediate, .snpEndorsementKey, .snpSignatureEncoding])
        var scene = try Scene()
        scene.expected.binding.generation = .milan
        scene.expected.server.minimumTCB[.milan] = TCBVersion(bootLoader: 0, tee: 0, snp: 0, microcode: 0)
        scene.expected.server.minimumMitigations = 1
        scene.expected.server.cspIDs = []
        let evaluated = Set(try scene.verdict().checks.map(\.name))
        #expect(evaluated.subtracting(named).isEmpty)
    }

    @Test("Without a certificate nothing is genuine, and nothing that passed counts as proven")
    func noCertificate() throws {
        let scene = try Scene()
        let report = try AttestationReport(bytes: scene.template.signed(by: scene.signer))
        let verdict = SNPVerifier.verify(report, endorsement: nil, expecting: scene.expected, at: scene.time)
        #expect(verdict.failures.map(\.name) == [.snpEndorsement])
        #expect(verdict.checks.first { $0.name == .snpMeasurement }?.outcome == .unproven)
        #expect(!verdict.isGenuine && !verdict.isAccepted)
        #expect(SNPEvidence.isWorthProving(verdict))
    }

    @Test("What gets the missing certificate is said: the very command, or why there is none")
    func missingCertificate() throws {
        func advice(_ kind: EndorsementKey.Kind = .vcek, _ change: (inout ReportTemplate) -> Void = { _ in }) throws
            -> String
        {
            var scene = try Scene(kind: kind)
            change(&scene.template)
            let report = try AttestationReport(bytes: scene.template.signed(by: scene.signer))
            let verdict = SNPVerifier.verify(report, endorsement: nil, expecting: scene.expected, at: scene.time)
            return try #require(verdict.checks.first { $0.name == .snpEndorsement }?.advice)
        }
        let chip = Hex.encode(try Scene().platform.chipID)
        #expect(try advice().contains("`kbs endorsements fetch --product milan --chip \(chip) --tcb 04.00.22.213`"))
        #expect(try advice(.vlek).contains("AMD gives them to clouds only"))
        #expect(try advice { $0.keyInfo |= 0b10 }.contains("hides its chip id"))
        let unknown = try advice { $0.processor = [0x1A, 0x51, 0] }
        #expect(unknown.contains("not known here (family 0x1a, model 0x51)") && unknown.contains("Update this server"))
    }

    @Test("A missed floor says which part of which version is under it; C14, A7")
    func missedFloor() throws {
        var scene = try Scene()
        scene.expected.server.minimumTCB[.milan] = TCBVersion(bootLoader: 4, tee: 0, snp: 23, microcode: 214)
        let below = try #require(try scene.verdict().failures.first)
        #expect(
            below.advice
                == "SNP 22 is under 23, microcode 213 is under 214 (REPORTED_TCB 04.00.22.213, at least 04.00.23.214 is "
                + "required): update the host's firmware, or lower snp.minimum_tcb.milan.")
        scene.expected.server.minimumTCB[.milan] = scene.template.reportedTCB
        scene.template.launchTCB = TCBVersion(bootLoader: 4, tee: 0, snp: 7, microcode: 213)
        let launch = try #require(try scene.verdict().failures.first)
        #expect(launch.advice?.hasPrefix("SNP 7 is under 22 (LAUNCH_TCB 04.00.07.213") == true)
        #expect(launch.advice?.contains("launch it again") == true)
        scene.expected.server.holdsMinimumAtLaunch = false
        #expect(try scene.verdict().isAccepted)
    }

    @Test("Mitigations at the launch are not looked at where an operator says so; A7")
    func mitigationsNow() throws {
        var scene = try Scene(version: 5)
        scene.template.mitigations = (current: 0b11, launch: 0)
        scene.expected.server.minimumMitigations = 0b11
        #expect(try scene.verdict().failures.map(\.name) == [.snpMitigations])
        scene.expected.server.holdsMinimumAtLaunch = false
        #expect(try scene.verdict().isAccepted)
    }

    @Test("A VLEK's cloud provider is held against those that are taken, byte for byte; A7")
    func cloudProvider() throws {
        var scene = try Scene(kind: .vlek)
        scene.expected.server.cspIDs = ["CN=cloud.example"]
        #expect(try scene.verdict().isAccepted)
        for other in ["CN=other.example", "cn=cloud.example", "CN=cloud.example "] as [ExactText] {
            scene.expected.server.cspIDs = [other]
            #expect(try scene.verdict().failures.map(\.name) == [.snpCSPID])
        }
    }

    @Test("A correctly signed report with a reserved byte is newer firmware's, one that is not signed is damaged; C10")
    func newerFirmware() throws {
        var scene = try Scene()
        scene.template.patches[0x4D] = 1
        let newer = try #require(try scene.verdict().failures.first)
        #expect(
            newer.advice?.contains("newer than this server knows") == true && newer.advice?.contains("0x4d") == true)
        scene.signer = scene.signer.forged
        let damaged = try #require(try scene.verdict().failures.first)
        #expect(damaged.advice?.contains("damaged or made up") == true)
        scene = try Scene()
        scene.template.patches[0x4D] = 1
        scene.anchors = .amd
        let stranger = try #require(try scene.verdict().failures.first { $0.name == .snpLayout })
        #expect(stranger.advice?.contains("damaged or made up") == true, "a chain that is not AMD's proves nothing")
    }

    @Test("Certificates that do not fit are told from none: what each is for, and why not; C9")
    func misfits() throws {
        let scene = try Scene()
        func found(_ key: SimulatedSNPPlatform.SigningKey, version: UInt32 = 3) throws -> String {
            var template = scene.template
            template.version = version
            let report = try AttestationReport(bytes: template.signed(by: scene.signer))
            let verdict = SNPVerifier.verify(
                report, endorsement: nil, offered: [key.certificate], expecting: scene.expected,
                at: scene.time)
            let check = try #require(verdict.failures.first)
            #expect(check.name == .snpEndorsement && check.advice?.contains(check.found.description) == true)
            return check.found.description
        }
        let chip = Hex.encode(scene.template.chipID.prefix(8))
        let otherTCB = try scene.platform.vcek(tcb: TCBVersion(bootLoader: 4, tee: 0, snp: 21, microcode: 213))
        #expect(
            try found(otherTCB)
                == "VCEK of Milan for TCB 04.00.21.213 of chip \(chip)…: the report is for TCB 04.00.22.213")
        let otherChip = try scene.platform.vcek(
            tcb: scene.template.reportedTCB, hardwareID: Array(repeating: 7, count: 64))
        #expect(try found(otherChip).hasSuffix("of chip 0707070707070707…: the report's chip is \(chip)…"))
        let genoa = try Scene(.genoa)
        #expect(try found(genoa.signer).hasSuffix("the report is from Milan"))
        let turin = try Scene(.turin)
        #expect(try found(turin.signer, version: 2).hasSuffix("version 2, which Turin does not make"))
        #expect(try found(try Scene(kind: .vlek).signer).contains("another kind of key (vcek)"))
        #expect(try found(scene.signer).contains("it fits, and the ASK (SEV-Milan) or ARK above it is missing"))
    }

    @Test("A guest with stricter policy than registered is accepted")
    func stricter() throws {
        var scene = try Scene()
        scene.template.policy = [.reservedOne, .singleSocket, .pageSwapDisabled, GuestPolicy(rawValue: 0x0137)]
        #expect(try scene.verdict().isAccepted)
    }

    @Test("Turin's chip is its first eight bytes, and the rest must be zero")
    func turinChip() throws {
        var scene = try Scene(.turin)
        scene.template.chipID[8] = 1
        #expect(try scene.verdict().failures.map(\.name) == [.snpChip])
    }

    @Test("A VLEK's report may hide its chip")
    func vlekMasked() throws {
        var scene = try Scene(kind: .vlek)
        scene.template.chipID = Array(repeating: 0, count: 64)
        scene.template.keyInfo |= 0b10
        #expect(try scene.verdict().isAccepted)
    }

    @Test("The sentence for the guest names a wrong measurement before a missing certificate")
    func sentence() throws {
        var scene = try Scene()
        scene.template.measurement[0] ^= 1
        let report = try AttestationReport(bytes: scene.template.signed(by: scene.signer))
        let verdict = SNPVerifier.verify(report, endorsement: nil, expecting: scene.expected, at: scene.time)
        #expect(verdict.sentence.contains("[snp.measurement]"))
        #expect(!SNPEvidence.isWorthProving(verdict))
    }

    @Test("An empty verdict accepts nothing")
    func empty() {
        let verdict = Verdict(CheckList())
        #expect(!verdict.isAccepted)
        #expect(verdict.sentence == "There is no evidence.")
    }

    @Test("A report of another length is not read", arguments: [0, 1, 1_183, 1_185, 4_000])
    func length(count: Int) {
        #expect(throws: MalformedInput.self) { try AttestationReport(bytes: Array(repeating: 0, count: count)) }
    }

    // MARK: Signatures

    @Test("R and S that are zero, out of range or padded with anything are refused before they are verified")
    func signatureEncoding() throws {
        let scene = try Scene()
        let honest = try scene.template.signed(by: scene.signer)
        let order =
            Hex.decode(
                "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973")
            ?? []
        let zero = [UInt8](repeating: 0, count: 48)
        let (r, s) = (0x2A0, 0x2A0 + 72)
        let edits: [(Int, [UInt8])] = [
            (r, zero), (s, zero), (r, order.reversed()), (s, order.reversed()), (r + 48, [1]), (s + 48, [1]),
            (s + 72, [1]), (0x49F, [1]),
        ]
        for (offset, value) in edits {
            var bytes = honest
            bytes.replaceSubrange(offset..<offset + value.count, with: value)
            let chains = scene.anchors.chains(
                of: [try EndorsementKey(scene.signer.certificate)], among: [scene.platform.ask, scene.platform.ark])
            let chain: AppraisedChain = try #require(chains.first)
            let verdict = SNPVerifier.verify(
                try AttestationReport(bytes: bytes), endorsement: chain, expecting: scene.expected, at: scene.time)
            #expect(verdict.failures.map(\.name).contains(.snpSignatureEncoding), "at \(offset)")
            #expect(!verdict.isAccepted)
        }
    }

    // MARK: Chains

    @Test("A VCEK that the ASVK signed, or a VLEK that the ASK signed, is refused")
    func crossedAuthorities() throws {
        let scene = try Scene()
        let other = try SimulatedSNPPlatform(product: .milan)
        // The right names, and other keys.
        #expect(
            try scene.verdict(authorities: [other.ask, scene.platform.ark]).failures.map(\.name)
                == [.snpIntermediate, .snpEndorsementKey])
        #expect(
            try scene.verdict(authorities: [scene.platform.ask, other.ark]).failures.map(\.name) == [.snpRoot],
            "no signature is verified under a root that is not pinned")
        let key = try EndorsementKey(scene.signer.certificate)
        let crossed = AppraisedChain(
            EndorsementChain(key: key, intermediate: scene.platform.asvk, root: scene.platform.ark),
            anchors: scene.anchors)
        #expect(crossed.checks.filter { $0.outcome == .failed }.map(\.name) == [.snpIntermediate, .snpEndorsementKey])
    }

    @Test("Of a chain without a pinned root no signature is verified, nor the report's")
    func unpinnedSignatures() throws {
        let scene = try Scene()
        let other = try SimulatedSNPPlatform(product: .milan)
        let key = try EndorsementKey(other.vcek(tcb: scene.template.reportedTCB).certificate)
        let forged = try (0..<6).map { _ in try SimulatedSNPPlatform(product: .milan).ask }
        for intermediate in [other.ask, forged[0]] {
            let chain = AppraisedChain(
                EndorsementChain(key: key, intermediate: intermediate, root: other.ark), anchors: scene.anchors)
            #expect(chain.checks.map(\.name) == [.snpRoot], "whether it signed the key or not")
            let report = try AttestationReport(bytes: scene.template.signed(by: scene.signer))
            let verdict = SNPVerifier.verify(report, endorsement: chain, expecting: scene.expected, at: scene.time)
            #expect(!verdict.checks.map(\.name).contains(.snpSignature))
        }
        let keys = try (0..<6).map { _ in
            try EndorsementKey(other.vcek(tcb: scene.template.reportedTCB).certificate)
        }
        // The first certificates of the right names: which of them signed is not looked at.
        let chains = scene.anchors.chains(of: keys, among: forged + [other.ask, other.ark])
        #expect(chains.map(\.chain.intermediate) == [forged[0]] && chains.first?.isGenuine == false)
    }

    @Test("Under a pinned root a key is verified by its authorities alone, and false ones beside them do no harm")
    func pinnedSignatures() throws {
        let scene = try Scene()
        let (platform, other) = (scene.platform, try SimulatedSNPPlatform(product: .milan))
        let key = try EndorsementKey(scene.signer.certificate)
        let forged = try EndorsementKey(
            other.vcek(tcb: scene.template.reportedTCB, hardwareID: platform.chipID).certificate)
        let pool = [other.ask, other.ark, platform.asvk, platform.ask, platform.ark, platform.ask, platform.ark]
        #expect(scene.anchors.authorities(among: pool).map(\.intermediate) == [platform.asvk, platform.ask])
        let genuine = scene.anchors.chains(of: [forged, key], among: pool)
        #expect(genuine.map(\.isGenuine) == [true] && genuine.first?.chain.key.certificate == key.certificate)
        #expect(genuine.first?.chain.intermediate == platform.ask)
        let refused = scene.anchors.chains(of: [forged, forged], among: pool)
        #expect(refused.map { $0.checks.filter { $0.outcome == .failed }.map(\.name) } == [[.snpEndorsementKey]])
        #expect(scene.anchors.chains(of: [key], among: [platform.asvk]).isEmpty)
    }

    @Test("A root that did not sign itself is refused")
    func rootSignature() throws {
        let scene = try Scene()
        var der = scene.platform.ark.der
        der[der.count - 1] ^= 1
        let damaged = try Evidence.Certificate(der: der)
        let verdict = try scene.verdict(authorities: [scene.platform.ask, damaged])
        #expect(verdict.failures.map(\.name) == [.snpRootSignature])
    }

    @Test("Every certificate of a chain must be valid, not only the last")
    func validity() throws {
        var scene = try Scene()
        scene.signer = try scene.platform.vcek(tcb: scene.template.reportedTCB, validFor: 25)
        scene.time = scene.platform.ark.notAfter.addingTimeInterval(1)
        #expect(try scene.verdict().failures.map(\.name) == [.snpValidity])
    }

    @Test("A hardware id is read bare and wrapped")
    func hardwareIDForms() throws {
        var scene = try Scene()
        scene.signer = try scene.platform.vcek(tcb: scene.template.reportedTCB, form: .bare)
        #expect(try scene.verdict().isAccepted)
    }

    @Test("A certificate that is an authority's cannot sign reports")
    func authorityAsKey() throws {
        let platform = try Self.platform(.milan)
        #expect(throws: MalformedInput.self) { try EndorsementKey(platform.ask) }
    }
}
