import Broker
import Bytes
import Evidence
import EvidenceSupport
import Foundation
import Policies
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
        #expect(set.values == [Simulated.measurement("app"), Simulated.measurement("b")])
        #expect(set.expires == (try Date("2027-01-31T00:00:00Z", strategy: .iso8601)))
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
            ("kind = \"measurement\"\nvalues = [\"00\"]", "a measurement has 96 hex digits"),
            ("kind = \"host_data\"\nvalues = [\"00\"]", "a host_data has 64 hex digits"),
            ("kind = \"measurement\"\nexpires = \"soon\"", "`expires` must be a day"),
            ("kind = \"measurement\"\nexpires = 2027-01-31T12:00:00", "`expires` must be a day"),
            ("kind = \"measurement\"\nexpire = 2027-01-31", "`expire` is not known"),
        ])
    func faults(text: String, says: String) {
        let refusal = #expect(throws: Refusal.self) { try read(text) }
        #expect(refusal?.sentence.contains(says) == true, "\(refusal?.sentence ?? "")")
    }
}
