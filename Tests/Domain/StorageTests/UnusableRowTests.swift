import BrokerSupport
import Bytes
import Concurrency
import Evidence
import EvidenceSupport
import Foundation
import Testing

@testable import Broker
@testable import Storage

/// Servers of two versions share a database during an upgrade, and the later one may write what the other cannot use.
@Suite("Policies and reference values of a later version")
struct UnusableRowTests {
    /// Writes rows as a later version would, listed in the manifest.
    private func write(to store: any ExaminedStore, policy: String? = nil, kind: String? = nil, value: [UInt8] = [])
        async throws
    {
        let writing = try #require(store as? any WritingStore)
        let name = try PolicyName("later")
        try await writing.decide { change in
            if let policy {
                try change.execute(
                    "INSERT INTO policies (name, document, rules, revision, changed) VALUES ('later', '', ?1, 1000, 0)",
                    [.text(policy)])
                try change.list([
                    ManifestEntry(name, rules: policy, revision: 1000), ManifestEntry(name, document: ""),
                ])
            }
            if let kind {
                try change.execute(
                    """
                    INSERT INTO reference_values
                        (name, kind, digests, periods, superseded_by, source, revision, changed, provenance)
                    VALUES ('later', ?1, ?2, ?3, NULL, '', 1001, 0, '')
                    """, [.text(kind), .bytes(value), .bytes([])])
                let read = Read("SELECT \(ReferenceColumns.list) FROM reference_values WHERE name = 'later'") {
                    ManifestEntry(try ReferenceColumns($0, from: 0))
                }
                try change.list(try change.rows(read) + [ManifestEntry("later", provenance: "")])
            }
        }
    }

    private func claims(_ image: String) -> GuestClaims {
        var claims = SNPClaims(measurement: Simulated.measurement(image), policy: .unstated)
        claims.vmpl = 0
        return GuestClaims(claims.evidence)
    }

    @Test("They stop no guest of the others, are reported, and release nothing", arguments: TestedStore.allCases)
    func forecast(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        let library = PolicyLibrary(place.store) { place.now }
        try await library.set(
            ReferenceValueSet(
                name: PolicyName("images"), kind: .measurement, values: [Simulated.measurement("known")], source: "",
                expires: nil), by: .server)
        var policy = Policy(name: try PolicyName("web"))
        policy.measurements = [.value(Simulated.measurement("direct"))]
        try await library.set(policy, document: "", by: .server)
        let name = try PolicyName("later")
        let reports = Lock<[String]>([])
        func forecast() -> ReleaseForecast {
            reports.withLock { $0 = [] }
            return ReleaseForecast(place.store, now: { place.now }) { report in reports.withLock { $0.append(report) } }
        }
        func lets(_ forecast: ReleaseForecast, _ image: String) async throws -> Bool {
            try await forecast.letsIn(claims(image), under: AppraisalPolicy())
        }

        // A kind of values that this version does not know, and does not need.
        try await write(to: place.store, kind: "mr_td", value: Array(repeating: 1, count: 48))
        var present = forecast()
        #expect(try await present.knows(Simulated.measurement("known")))
        for (image, isLetIn) in [("known", true), ("direct", true), ("stranger", false)] {
            #expect(try await lets(present, image) == isLetIn, "\(image)")
        }
        #expect(reports.withLock { $0.isEmpty })
        await #expect(throws: UnusableRow.self) { _ = try await place.store.referencesInForce(name) }

        // A policy with a key that it does not know: another server may release by it.
        try await write(
            to: place.store, policy: policy.json.replacing("\"snp\":{", with: "\"tdx\":{},\"snp\":{"))
        present = forecast()
        #expect(try await present.knows(Simulated.measurement("known")))
        for image in ["known", "direct", "stranger"] { #expect(try await lets(present, image), "\(image)") }
        #expect(try await lets(present, "another stranger"))
        let told = reports.withLock { $0 }
        #expect(told.count == 1 && told.first?.contains("the policy later") == true, "\(told)")
        await #expect(throws: UnusableRow.self) { _ = try await place.store.policyInForce(name) }
    }

    @Test("A launch measurement in a form that is not known recognises no guest", arguments: TestedStore.allCases)
    func otherForm(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        try await write(to: place.store, kind: "measurement", value: Array(repeating: 1, count: 50))
        let reports = Lock<[String]>([])
        let forecast = ReleaseForecast(place.store, now: { place.now }) { report in
            reports.withLock { $0.append(report) }
        }
        #expect(try await !forecast.knows(Array(repeating: 1, count: 48)))
        #expect(reports.withLock { $0.count } == 1)
    }

    @Test("A database that does not answer is no row that is left out")
    func away() async throws {
        let place = try await StorePlace(.sqlite)
        try await place.store.tamper("DROP TABLE policy_references")
        try await place.store.tamper("ALTER TABLE policies RENAME TO gone")
        let forecast = ReleaseForecast(place.store, now: { place.now }) { Issue.record("\($0)") }
        await #expect(throws: (any Error).self) {
            _ = try await forecast.letsIn(claims("stranger"), under: AppraisalPolicy())
        }
    }
}
