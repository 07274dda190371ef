import Bytes
import Evidence
import EvidenceSupport
import Formats
import Foundation
import Testing

@testable import Appraisal

@Suite("The life of reference values")
struct ReferenceLifeTests {
    private let name: PolicyName
    private let time = Date(timeIntervalSince1970: 1_760_000_000)

    init() throws { name = try PolicyName("web") }

    private func set(_ values: (String, ValidityPeriod)...) throws -> ReferenceValueSet {
        try ReferenceValueSet(
            name: name, kind: .measurement, values: values.map { ReferenceValue(Simulated.measurement($0.0), $0.1) },
            source: "")
    }

    private func ending(_ seconds: TimeInterval) -> ValidityPeriod { ValidityPeriod(expires: time + seconds) }

    @Test("A period holds its first second and not the one after its last")
    func period() {
        let period = ValidityPeriod(from: time, expires: time + 10)
        #expect(!period.contains(time - 1) && period.contains(time) && period.contains(time + 9))
        #expect(!period.contains(time + 10))
        #expect(period.state(at: time + 10) == .over(since: time + 10))
        #expect(period.state(at: time - 1) == .notYet(from: time))
        #expect(ValidityPeriod.always.contains(.distantPast) && ValidityPeriod.always.contains(.distantFuture))
        #expect(throws: Refusal.self) { try ValidityPeriod(from: time, expires: time).check() }
        #expect(ending(60).ending(by: time + 90) == ending(60) && ending(60).ending(by: time) == ending(0))
    }

    @Test("The release before counts on for a while, and never longer than it did; what is over goes")
    func keeping() throws {
        let before = try set(("a", .always), ("b", ending(60)), ("c", ending(-1)), ("d", ending(0)), ("new", ending(5)))
        let after = try set(("new", .always)).keeping(before, until: time + 100, at: time)
        #expect(after.values.map(\.bytes) == ["new", "a", "b"].map(Simulated.measurement))
        #expect(after.values.map(\.period) == [.always, ending(100), ending(60)])
        // A second time within that time prolongs nothing.
        let again = try set(("new", .always)).keeping(after, until: time + 150, at: time + 50)
        #expect(again.values.map(\.period) == [.always, ending(100), ending(60)])
        #expect(try set(("new", .always)).keeping(nil, until: time, at: time).values.count == 1)
    }

    @Test("Retired values end, and none is prolonged")
    func retiring() throws {
        let before = try set(("a", .always), ("b", ending(60)))
        let all = try before.retiring(nil, by: time + 100, for: try PolicyName("next"))
        #expect(all.values.map(\.period) == [ending(100), ending(60)] && all.supersededBy?.text == "next")
        let one = try before.retiring([Simulated.measurement("a")], by: time, for: nil)
        #expect(one.values.map(\.period) == [ending(0), ending(60)] && one.supersededBy == nil)
        #expect(throws: Refusal.self) { try before.retiring([Simulated.measurement("c")], by: time, for: nil) }
    }

    @Test("What is added takes the place of the same value, but gives none that ends a life without end by the way")
    func adding() throws {
        let before = try set(("a", .always), ("b", ending(60)))
        let after = try before.adding([ReferenceValue(Simulated.measurement("b"), ending(90))])
        #expect(after.values.map(\.period) == [.always, ending(90)])
        #expect(throws: Never.self) { try before.adding([ReferenceValue(Simulated.measurement("a"))]) }
        let refusal = #expect(throws: Refusal.self) {
            try before.adding([ReferenceValue(Simulated.measurement("b"))])
        }
        #expect(refusal?.code == .invalidField)
    }

    @Test("A provenance is bounded as it is written, which may be longer than it was sent")
    func writtenProvenance() throws {
        func provenance(_ count: Int) throws -> Provenance {
            let text = #"{"origin":"computed","tool":""# + String(repeating: "\u{7F}", count: count) + #""}"#
            return try Provenance(JSON(Array(text.utf8)))
        }
        #expect(throws: MalformedInput.self) { try provenance(8_000) }
        let fits = try provenance(1_000)
        #expect(try Provenance(JSON(fits.json.encoded)) == fits, "what is kept can be read")
    }

    @Test("A value that is there twice is there once, and there are not too many")
    func bounds() throws {
        #expect(try set(("a", .always), ("a", ending(5))).values.map(\.period) == [.always])
        let many = (0...ReferenceValueSet.mostValues).map {
            ReferenceValue(Array(repeating: 1, count: 40) + UInt64($0).bigEndianBytes)
        }
        let refusal = #expect(throws: Refusal.self) {
            try ReferenceValueSet(name: name, kind: .measurement, values: many, source: "")
        }
        #expect(refusal?.sentence.contains("may have 4096") == true)
        let all = try ReferenceValueSet(name: name, kind: .measurement, values: Array(many.dropLast()), source: "")
        let long = Provenance(.computed, commandLine: String(repeating: "x", count: 2_000))
        let told = try ReferenceValueSet(
            name: name, kind: .measurement, values: all.values.map { ReferenceValue($0.bytes, provenance: long) },
            source: "")
        #expect(throws: Refusal.self) { try told.recorded(after: nil, by: "server", at: time) }
        _ = try all.recorded(after: nil, by: "server", at: time)
    }

    @Test("How long a set counts is said in words")
    func words() throws {
        #expect(try set(("a", .always)).life(at: time) == "1 value")
        #expect(try set(("a", ending(60)), ("b", ending(60))).life(at: time) == "2 values, until 2025-10-09T08:54:20Z")
        #expect(
            try set(("a", .always), ("b", ending(60)), ("c", ending(0)), ("d", .always)).life(at: time)
                == "4 values: 2 without end, 1 EXPIRED on 2025-10-09T08:53:20Z, 1 until 2025-10-09T08:54:20Z")
        let next = try set(("a", .always)).retiring([], by: time, for: try PolicyName("next"))
        #expect(next.life(at: time) == "1 value, SUPERSEDED by @next")
        #expect(try set(("a", ending(1)), ("b", ending(9))).expires == time + 9)
        #expect(try set(("a", ending(1)), ("b", .always)).expires == nil)
    }

    @Test("Columns hold what a set has; what no set has is none")
    func columns() throws {
        let mixed = try set(("a", .always), ("b", ending(60)), ("c", ValidityPeriod(from: time)))
        #expect(mixed.periodsColumn.count == 48)
        #expect(ReferenceValueSet.periods(column: mixed.periodsColumn, count: 3) == mixed.values.map(\.period))
        #expect(ReferenceValueSet.periods(column: mixed.periodsColumn, count: 2) == nil)
        #expect(try set(("a", .always)).periodsColumn.isEmpty)
        #expect(ReferenceValueSet.periods(column: [], count: 2) == [.always, .always])
        // Any numbers are times, and none of them a trap.
        let wild = ReferenceValueSet.periods(column: Array(repeating: 0x7F, count: 16), count: 1)
        #expect(wild?.first?.contains(time) == false)
        let recorded = try mixed.recorded(after: nil, by: "server", at: time)
        #expect(try mixed.reading(provenance: recorded.provenanceColumn) == recorded)
        for column in ["", "[]", "{}", "[{},{},{},{}]", "[{},{},1]", #"[{},{},{"added":"x","by":"y"}]"#] {
            #expect(throws: (any Error).self) { try mixed.reading(provenance: column) }
        }
    }

    @Test(
        "A provenance that cannot be kept is refused by its member",
        arguments: [
            #"{}"#, #"{"origin":"guessed"}"#, #"{"origin":"computed","files":[{}]}"#,
            #"{"origin":"computed","files":[{"role":"firmware","sha256":"00","size":1}]}"#,
            #"{"origin":"computed","parameters":{"a b":"c"}}"#, #"{"origin":"computed","parameters":{"":"c"}}"#,
            #"{"origin":"computed","parameters":{"a":1}}"#,
        ])
    func provenanceFaults(text: String) throws {
        let json = try JSON(Array(text.utf8))
        #expect(throws: MalformedInput.self) { try Provenance(json) }
        let long = try JSON(
            Array(#"{"origin":"computed","command_line":"\#(String(repeating: "x", count: 9_000))"}"#.utf8))
        #expect(throws: MalformedInput.self) { try Provenance(long) }
    }

    @Test("Documents say from when and until when; never is an error")
    func documents() throws {
        let text = "kind = \"measurement\"\nvalues = [\"\(Hex.encode(Simulated.measurement("a")))\"]\n"
        let set = try ReferenceValueSet(toml: text + "valid_from = 2027-01-01\nexpires = 2027-01-31", name: name)
        #expect(set.values.first?.period.from == (try Date("2027-01-01T00:00:00Z", strategy: .iso8601)))
        let refusal = #expect(throws: Refusal.self) {
            try ReferenceValueSet(toml: text + "valid_from = 2027-01-31\nexpires = 2027-01-31", name: name)
        }
        #expect(refusal?.sentence.contains("`expires`") == true)
    }
}
