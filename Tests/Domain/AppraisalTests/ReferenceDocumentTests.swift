import Appraisal
import Bytes
import Evidence
import EvidenceSupport
import Foundation
import Testing

@Suite("Reference values in TOML and JSON")
struct ReferenceDocumentTests {
    private let name: PolicyName
    private let value = Hex.encode(Simulated.measurement("app"))

    init() throws { name = try PolicyName("web-1") }

    private func read(_ text: String) throws -> ReferenceValueSet { try ReferenceValueSet(toml: text, name: name) }

    @Test("A set is read with its source and expiry")
    func everything() throws {
        let set = try read(
            """
            kind = "measurement"
            values = ["\(value)", "\(Hex.encode(Simulated.measurement("b")))"]
            source = "CI job 17, https://ci.example.org/17"
            expires = 2027-01-31
            """)
        #expect(set.kind == .measurement && set.source == "CI job 17, https://ci.example.org/17")
        #expect(set.values.map(\.bytes) == [Simulated.measurement("app"), Simulated.measurement("b")])
        #expect(set.expires == (try Date("2027-01-31T00:00:00Z", strategy: .iso8601)))
    }

    @Test("Numbers, truth values and texts are kept as they are written; E1")
    func otherKinds() throws {
        #expect(try read("kind = \"number\"\nvalues = [3, -4]").texts == ["3", "-4"])
        #expect(try read("kind = \"number\"\nvalues = 3").texts == ["3"])
        #expect(try read("kind = \"boolean\"\nvalues = [true, false]").texts == ["true", "false"])
        #expect(try read("kind = \"text\"\nvalues = [\"1.4\", \"UpToDate\"]").texts == ["1.4", "UpToDate"])
    }

    @Test(
        "An expiry is a day in UTC, or a time with its zone",
        arguments: [
            ("2027-01-31", "2027-01-31T00:00:00Z"), ("\"2027-01-31\"", "2027-01-31T00:00:00Z"),
            ("2027-01-31T12:00:00Z", "2027-01-31T12:00:00Z"), ("2027-01-31 12:00:00Z", "2027-01-31T12:00:00Z"),
            ("2027-01-31T12:00:00+02:00", "2027-01-31T10:00:00Z"),
        ])
    func expiry(written: String, means: String) throws {
        let set = try read("kind = \"measurement\"\nvalues = [\"\(value)\"]\nexpires = \(written)")
        #expect(set.expires == (try Date(means, strategy: .iso8601)))
    }

    @Test(
        "What cannot be used is named",
        arguments: [
            ("values = [\"00\"]", "`kind` is missing"), ("kind = \"digest\"", "should be one of measurement"),
            ("kind = \"measurement\"", "`values` is missing"), ("kind = \"measurement\"\nvalues = []", "empty list"),
            ("kind = \"measurement\"\nvalues = [\"00\"]", "has 1 bytes and a measurement has 48"),
            ("kind = \"host_data\"\nvalues = [\"00\"]", "give it in 64 hex digits"),
            ("kind = \"measurement\"\nvalues = [3]", "a measurement is 96 hex digits"),
            ("kind = \"number\"\nvalues = [\"three\"]", "is not a whole number"),
            ("kind = \"number\"\nvalues = [3.5]", "a list of texts, whole numbers or truth values"),
            ("kind = \"boolean\"\nvalues = [\"yes\"]", "is not true or false"),
            ("kind = \"text\"\nvalues = [\"\"]", "is not a text of"),
            ("kind = \"measurement\"\nexpires = \"soon\"", "`expires` must be a day"),
            ("kind = \"measurement\"\nexpires = 2027-01-31T12:00:00", "`expires` must be a day"),
            ("kind = \"measurement\"\nexpire = 2027-01-31", "`expire` is not known"),
        ])
    func faults(text: String, says: String) {
        let refusal = #expect(throws: Refusal.self) { try read(text) }
        #expect(refusal?.sentence.contains(says) == true, "\(refusal?.sentence ?? "")")
    }
}
