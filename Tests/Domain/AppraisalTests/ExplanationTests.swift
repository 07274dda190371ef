import Appraisal
import Evidence
import EvidenceSupport
import Foundation
import Testing

@Suite("Policies in words")
struct ExplanationTests {
    private let time = Date(timeIntervalSince1970: 1_760_000_000)

    private func explain(_ toml: String, references: ReferenceValues? = nil) throws -> String {
        try Policy(toml: toml, name: PolicyName("web")).explanation(references: references, at: time)
    }

    private func set(_ name: String, expires: Date? = nil) throws -> ReferenceValueSet {
        try ReferenceValueSet(
            name: PolicyName(name), kind: .measurement, values: [Simulated.measurement("app")], source: "",
            expires: expires)
    }

    @Test("What lets in more than it seems to is said first, and loudly")
    func warnings() throws {
        let text = try explain(
            "[snp]\naccepts_any_measurement = true\nallow = [\"debug\"]\n[sample]\naccepts_any_measurement = true")
        let loud = text.split(separator: "\n").prefix { $0.hasPrefix("WARNING") }
        #expect(loud.count == 3)
        #expect(loud.first?.contains("WHATEVER SOFTWARE IT RUNS") == true)
        #expect(loud.contains { $0.contains("anyone can make one up") } && loud.contains { $0.contains("allow_debug") })
        let asked = try explain("opa = \"policy/allow\"\n[snp]\naccepts_any_measurement = true")
        #expect(asked.hasPrefix("WARNING") && asked.contains("Only the Open Policy Agent does"))
    }

    @Test("Samples have no settings that would have to accept them")
    func samples() throws {
        let text = try explain("[sample]\naccepts_any_measurement = true")
        #expect(!text.contains("own settings") && text.contains("--allow-sample"))
        #expect(
            try explain("[snp]\naccepts_any_measurement = true").hasSuffix(
                "the server's own settings (snp.*) accept it"))
    }

    @Test("A policy without a danger has no warning, and says every rule")
    func rules() throws {
        let text = try explain(
            """
            [snp]
            measurements = ["@web-1"]
            chips = ["0102030405060708"]
            require_platform = ["alias_check"]
            [snp.minimum_tcb]
            Genoa = "03.00.20.209"
            [init_data]
            x = "y"
            """, references: [PolicyName("web-1"): set("web-1")])
        #expect(!text.contains("WARNING"))
        for part in [
            "@web-1 (1 value)", "one of 1 chips", "BadRAM", "03.00.20.209 on Genoa; no other processor", "init data",
            "SMT",
        ] {
            #expect(text.contains(part), "\(part)")
        }
    }

    @Test("Reference values that are gone or have expired are pointed out")
    func references() throws {
        let gone = try explain("[snp]\nmeasurements = [\"@web-1\"]", references: [:])
        #expect(gone.contains("@web-1 (MISSING"))
        let expired = try explain(
            "[snp]\nmeasurements = [\"@web-1\"]", references: [PolicyName("web-1"): set("web-1", expires: time)])
        #expect(expired.contains("EXPIRED on 2025-10-09"))
    }
}
