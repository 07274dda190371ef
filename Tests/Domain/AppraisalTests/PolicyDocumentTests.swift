import Appraisal
import Bytes
import Evidence
import EvidenceSupport
import Foundation
import Testing

@Suite("Policies in TOML")
struct PolicyDocumentTests {
    private let name: PolicyName
    private let measurement = Hex.encode(Simulated.measurement("app"))

    init() throws { name = try PolicyName("web") }

    private func read(_ text: String) throws -> Policy { try Policy(toml: text, name: name) }

    private func sentence(_ text: String) -> String {
        do throws(Refusal) {
            _ = try Policy(toml: text, name: name)
            return "accepted"
        } catch { return error.code == .invalidField ? error.sentence : "\(error)" }
    }

    static let deep: [(String, String)] = [
        ("a dotted key that an error follows", String(repeating: "a.", count: 30_000) + "a=1\n="),
        ("a dotted key", String(repeating: "a.", count: 30_000) + "a=1"),
        ("a header", "[" + String(repeating: "a.", count: 30_000) + "a]"),
        ("a dotted key with quotation marks", String(repeating: "\"a\" . ", count: 9_000) + "a=1"),
        ("lists", "a=" + String(repeating: "[", count: 60_000)),
        ("lists over lines", "a=" + String(repeating: "[\n", count: 30_000)),
        ("tables", "a=" + String(repeating: "{a=", count: 20_000)),
    ]

    @Test("A document that is nested deeply is refused before anything recurses over it", arguments: deep.indices)
    func nesting(_ index: Int) {
        let sentence = sentence(Self.deep[index].1)
        #expect(sentence.contains("is nested deeper than 16 levels"), "\(Self.deep[index].0): \(sentence)")
    }

    @Test(
        "Rows of combining marks are refused before a key is compared, written or escaped",
        arguments: ["\u{301}", #"\u0301"#])
    func combiningMarks(_ mark: String) {
        let sentence = sentence("\"\(String(repeating: mark, count: 5_000))\" = 1")
        #expect(sentence.contains("combining marks"), "\(sentence.prefix(200))")
    }

    @Test("Dots and brackets in texts and comments nest nothing")
    func textsAreFlat() throws {
        let flat = String(repeating: "a.[{", count: 100)
        let policy = try read(
            #"""
            description = "\#(flat) \" \#(flat)"
            [snp]
            accepts_any_measurement = true # \#(flat) it's "fine
            [init_data]
            a = '''
            \#(flat) '' "
            \#(flat)'''''
            b = '\#(flat)\' # \#(flat)
            c = """"
            \""" \#(flat) \
            \#(flat)"""
            """#)
        #expect(policy.initData.count == 3 && policy.initData["b"]?.text.hasSuffix("\\") == true)
        #expect(
            policy.initData["a"]?.text.hasSuffix("''") == true && policy.initData["c"]?.text.hasPrefix("\"") == true)
    }

    @Test(
        "A NUL is refused with its line, written out or not, for the rule behind it would be lost",
        arguments: [
            "\n[init_data]\n\"a\\u0000b\" = \"x\"", "\n\ndescription = \"a\\U00000000b\"",
            "\n\ndescription = \"a\u{0}b\"",
            "\n\n\u{0}tee = [\"sample\"]", "\n\ndescription = 'a\u{0}'",
        ])
    func nul(_ text: String) {
        let sentence = sentence("accepts_any_measurement = true" + text)
        #expect(sentence.contains("line 3, holds a") && sentence.contains("NUL"), "\(sentence)")
    }

    @Test("Every rule is read as it is meant")
    func everything() throws {
        let (key, host) = (Hex.encode(Simulated.measurement("key")), Hex.encode(Simulated.digest("host")))
        let chip = String(repeating: "ab", count: 64)
        let policy = try read(
            """
            description = "The web tier"
            opa = "policy/allow"
            container_images = ["docker.io/library/nginx:1.27"]
            agent_policy_rules = ["\(host)"]

            [snp]
            products = ["Milan", "genoa", "Turin"]
            measurements = ["@web-2026.1", "\(measurement)"]
            id_key_digests = "\(key)"
            author_key_digests = ["@authors"]
            host_data = ["\(host)"]
            family_ids = ["\(String(repeating: "01", count: 16))"]
            image_ids = ["\(String(repeating: "02", count: 16))"]
            min_guest_svn = 3
            max_vmpl = 2
            allow = ["smt", "debug", "migration_agent", "cxl"]
            require = ["single_socket", "memory_aes_256_xts", "rapl_disabled", "ciphertext_hiding", "page_swap_disabled"]
            require_platform = ["tsme", "ecc", "rapl_disabled", "ciphertext_hiding", "alias_check"]
            endorsements = ["vcek", "vlek"]
            chips = ["\(chip)", "0102030405060708"]
            csp_ids = ["CN=cloud.example"]
            minimum_mitigations = "0x3"
            minimum_at_launch = false

            [agent_policy_claims]
            "/containers/1/OCI/Process/Args/0" = "/entrypoint.sh"

            [snp.minimum_tcb]
            Milan = "03.00.20.209"
            Turin = "01.01.01.04.77"

            [init_data]
            "aa.toml" = '''
            [x]
            '''
            """)
        #expect(policy.description == "The web tier" && policy.tees == [.snp])
        #expect(policy.products == [.milan, .genoa, .turin])
        #expect(
            policy.measurements == [.set(try PolicyName("web-2026.1")), .value(Simulated.measurement("app"))])
        #expect(policy.idKeyDigests == [.value(Simulated.measurement("key"))], "one text is a list of one")
        #expect(policy.authorKeyDigests == [.set(try PolicyName("authors"))])
        #expect(policy.hostData == [.value(Simulated.digest("host"))])
        #expect(policy.familyIDs == [Array(repeating: 1, count: 16)])
        #expect(policy.imageIDs == [Array(repeating: 2, count: 16)])
        #expect(policy.minimumGuestSVN == 3 && policy.vmpl == .atMost(2))
        #expect(policy.allows == .permissions && policy.requires == .restrictions)
        #expect(
            policy.platform == [.tsme, .ecc, .raplDisabled, .ciphertextHiding, .aliasCheckComplete])
        #expect(policy.endorsements == [.vcek, .vlek])
        #expect(policy.chips == [Array(repeating: 0xAB, count: 64), [1, 2, 3, 4, 5, 6, 7, 8]])
        #expect(policy.agentDecision == "policy/allow")
        #expect(policy.cspIDs == ["CN=cloud.example"] && policy.minimumMitigations == 3 && !policy.holdsMinimumAtLaunch)
        #expect(policy.containerImages == ["docker.io/library/nginx:1.27"])
        #expect(policy.agentPolicyRules == [Simulated.digest("host")])
        #expect(policy.agentPolicyClaims == ["/containers/1/OCI/Process/Args/0": "/entrypoint.sh"])
        #expect(
            policy.minimumTCB == [
                .milan: TCBVersion(bootLoader: 3, tee: 0, snp: 20, microcode: 209),
                .turin: TCBVersion(fmc: 1, bootLoader: 1, tee: 1, snp: 4, microcode: 77),
            ])
        #expect(policy.initData == ["aa.toml": "[x]\n"])
        #expect(policy.referenceNames.map(\.text) == ["authors", "web-2026.1"])
    }

    @Test("What is left out is as strict as it can be")
    func defaults() throws {
        let policy = try read("[snp]\nmeasurements = [\"\(measurement)\"]")
        var expected = Policy(name: name)
        expected.measurements = [.value(Simulated.measurement("app"))]
        #expect(policy == expected)
        #expect(policy.tees == [.snp] && policy.allows == [.smtAllowed] && policy.vmpl == nil)
    }

    @Test("A guest may be let do nothing at all")
    func nothing() throws {
        #expect(try read("[snp]\nmeasurements = [\"\(measurement)\"]\nallow = []").allows.isEmpty)
    }

    @Test("A policy that any genuine guest meets is refused, unless it says that it is meant so")
    func anyone() throws {
        #expect(sentence("[snp]\nproducts = [\"Genoa\"]").contains("accepts_any_measurement"))
        #expect(sentence("").contains("[snp] or [sample] is missing"))
        #expect(sentence("[snp]").contains("Anyone who rents a confidential virtual machine gets in"))
        #expect(try read("[snp]\naccepts_any_measurement = true").acceptsAnyMeasurement)
        #expect(
            sentence("[snp]\naccepts_any_measurement = true\nmeasurements = [\"\(measurement)\"]").contains(
                "remove one"))
    }

    @Test(
        "What cannot be used is named with its line and what to write",
        arguments: [
            ("\nmeasurement = \"00\"", "line 2: `measurement` is not known. What there is: description, snp, sample,"),
            ("[snp]\nmeasurement = \"00\"", "line 2: `measurement` is not known. What there is: measurements, id_key"),
            ("[tdx]", "line 1: `tdx` is not known"), ("[snp]\ncsp_ids = []", "line 2: `csp_ids` is an empty list"),
            ("snp = 1", "line 1: `snp` must be a table: [snp]"),
            ("tee = [\"snp\"]", "line 1: `tee` is said by the tables: [snp] or [sample]"),
            ("\nmeasurements = []", "line 2: `measurements` stands in the table [snp]: write that above it"),
            (
                "[minimum_tcb]\nGenoa = \"1.2.3.4\"",
                "line 1: `minimum_tcb` stands in the table [snp]: write [snp.minimum_tcb]"
            ),
            ("[sample]\nvmpl = 0", "line 2: `vmpl` stands in the table [snp]"),
            ("accepts_any_measurement = true", "stands in the table [snp] or [sample]"),
            ("[snp]\nopa = \"a/b\"", "line 2: `opa` stands above the tables: write it before [snp]"),
            ("[snp]\nallow_provisional_firmware = true", "line 2: `allow_provisional_firmware` is not known"),
            ("# x\n[snp]\nproducts = [\"Rome\"]", "line 3: `products` holds \"Rome\""),
            (
                "[snp]\nmeasurements = [\"00aa\"]",
                "it is 96 hex digits, or the name of reference values such as @web-2026.1"
            ),
            ("[snp]\nmeasurements = [\"xyz\"]", "neither hex digits nor the name"),
            ("[snp]\nmeasurements = [\"@\"]", "cannot be a name"),
            ("[snp]\nmeasurements = [1]", "must be a list of texts"),
            ("[snp]\nmeasurements = [\"@a\", \"@a\"]", "holds \"@a\" twice"),
            ("[snp]\nhost_data = [\"00\"]", "it is 64 hex digits"),
            ("[snp]\nvmpl = \"0\"", "must be a whole number"), ("[snp]\nvmpl = -1", "must be a whole number"),
            ("[snp]\nvmpl = 0\nmax_vmpl = 1", "exclude each other"),
            ("[snp]\nmin_guest_svn = 4294967296", "must be a whole number from 0 to 4294967295"),
            ("[snp]\naccepts_any_measurement = \"yes\"", "must be true or false"),
            ("[snp]\nallow = [\"everything\"]", "what there is: smt, debug, migration_agent, cxl"),
            ("[snp]\nrequire = [\"x\"]", "what there is: single_socket"),
            ("[snp]\nrequire_platform = [\"smt\"]", "what there is: tsme"),
            ("[snp]\nendorsements = [\"vcak\"]", "it is vcek or vlek"),
            ("[snp]\nchips = [\"00\"]", "a chip has 128 hex digits"),
            ("[snp.minimum_tcb]\nGenoa = \"1.2\"", "line 1: `minimum_tcb` needs four numbers for Genoa"),
            ("[snp.minimum_tcb]\nTurin = \"1.2.3.4\"", "needs five numbers for Turin"),
            ("[snp.minimum_tcb]\nNaples = \"1.2.3.4\"", "a product is Milan, Genoa or Turin"),
            ("[snp.minimum_tcb]\nGenoa = 3", "must be text in quotation marks"),
            ("[snp]\nminimum_mitigations = \"3\"", "needs the bits of the mitigation vector in hex"),
            ("[snp]\nminimum_mitigations = \"0x0\"", "needs the bits of the mitigation vector in hex"),
            ("[snp.minimum_tcb]", "a table that is not empty"),
            ("init_data = \"x\"", "must be a table"), ("opa = [\"snp\"", "line 1, needs a comma or the array's end"),
            ("opa = \"snp\"\nopa = \"snp\"", "line 2"),
        ])
    func faults(text: String, says: String) {
        #expect(sentence(text).contains(says), "\(sentence(text))")
        #expect(sentence(text).hasPrefix("The policy web, line"))
    }

    @Test("A document that no policy needs to be is not read")
    func size() {
        #expect(sentence(String(repeating: "#", count: 65_537)).contains("may have 65536"))
        #expect(sentence("tee = \"snp\" # \0").contains("holds a NUL"))
    }

    @Test("Keys are compared byte for byte, and two that only look the same are refused")
    func lookAlikes() throws {
        let pin = "[snp]\nmeasurements = [\"\(String(repeating: "ab", count: 48))\"]\n"
        func read(_ rest: String) throws(Refusal) -> Policy {
            try Policy(toml: pin + rest, name: PolicyName("web"))
        }
        let policy = try read("[init_data]\n\"\\u212A.rego\" = \"caf\\u00E9\"\n")
        #expect(policy.initData == ["\u{212A}.rego": "caf\u{E9}"] && policy.initData["K.rego"] == nil)
        #expect(throws: Refusal.self) { try read("[init_data]\n\"K\" = \"a\"\n\"\\u212A\" = \"b\"\n") }
        #expect(throws: Refusal.self) {
            try read("[snp.minimum_tcb]\nMilan = \"03.00.20.209\"\nmilan = \"00.00.00.00\"\n")
        }
    }

    @Test("A policy names the verifiers whose tokens it takes, and is kept with them")
    func issuers() throws {
        let text =
            "issuers = [\"https://as.example.org\"]\n[snp]\nmeasurements = [\"\(String(repeating: "ab", count: 48))\"]\n"
        let policy = try Policy(toml: text, name: PolicyName("web"))
        #expect(policy.issuers == ["https://as.example.org"])
        #expect(try Policy(json: policy.json) == policy)
    }
}
