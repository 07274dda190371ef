import Broker
import BrokerSupport
import Bytes
import Evidence
import Foundation
import Testing

@testable import Storage

@Suite("Denials, kept")
struct DenialStoreTests {
    private let chip = Endorser(chip: [UInt8](repeating: 0xC0, count: 64))
    private let key = Endorser.key([UInt8](repeating: 0xAB, count: 32))
    private let record = AuditRecord(.startServer, by: .server, at: Date(timeIntervalSince1970: 0))

    private func denial(_ endorser: Endorser, _ reason: String = "leaked") -> Denial {
        Denial(endorser, reason: reason, actor: "token:0123456789ab", time: Date(timeIntervalSince1970: 1_760_000_000))
    }

    /// A store with a workload, whose row is one that decides, and two denials.
    private func filled(_ kind: TestedStore) async throws -> StorePlace {
        let place = try await StorePlace(kind)
        _ = try await place.register("app")
        try await place.store.deny(denial(chip), recording: record)
        try await place.store.deny(denial(key), recording: record)
        return place
    }

    /// What is denied when a guest's request has read its workload.
    private func denied(_ store: any ExaminedStore) async throws -> Set<Endorser> {
        _ = try await store.workload(WorkloadID("app"))
        return Set([chip, key].filter(store.denies))
    }

    private func violations(_ store: any ExaminedStore) async throws -> [String] {
        guard let store = store as? any ServerStore else { throw NoManifest() }
        return try await store.manifestViolations(limit: 10)
    }

    @Test("What is denied is listed in pages, with the reason, and is allowed again", arguments: TestedStore.allCases)
    func list(_ kind: TestedStore) async throws {
        let place = try await filled(kind)
        let empty = try await StorePlace(kind).store
        #expect(try await denied(place.store) == [chip, key])
        #expect(
            try await place.store.denials(after: "", limit: 10)
                == [StoredDenial(chip, denial(chip)), StoredDenial(key, denial(key))])
        #expect(try await place.store.denials(after: "", limit: 1).map(\.endorser) == [chip])
        #expect(try await place.store.denials(after: chip.name, limit: 1).map(\.endorser) == [key])
        try await place.store.deny(denial(key, "another reason"), recording: record)
        #expect(try await place.store.denials(after: chip.name, limit: 1).first?.denial?.reason == "another reason")
        let both = place.store.denyListMark
        #expect(try await place.store.allow(chip, recording: record))
        #expect(try await !place.store.allow(chip, recording: record))
        #expect(try await denied(place.store) == [key])
        #expect(place.store.denyListMark != both && place.store.denyListMark != empty.denyListMark)
        try await place.store.deny(denial(chip), recording: record)
        _ = try await denied(place.store)
        #expect(place.store.denyListMark == both, "the same set has the same mark")
        #expect(try await violations(place.store).isEmpty)
    }

    @Test(
        "Another server, and one that starts, know it with the next row that decides", arguments: TestedStore.allCases)
    func others(_ kind: TestedStore) async throws {
        let place = try await filled(kind)
        let fresh = try await place.reopen()
        #expect(!fresh.denies(chip), "it has read nothing yet")
        #expect(try await fresh.session([UInt8](repeating: 1, count: 16), at: place.now) == nil)
        #expect(fresh.denies(chip) && fresh.denies(key), "also where there was no row to read")
    }

    @Test("Two servers on one database follow each other's denials")
    func replicas() async throws {
        let database = try await PostgreSQLCluster.shared.newStoreDatabase()
        let (first, second): (PostgreSQLStore, PostgreSQLStore) = (
            try await .connected(to: database), try await .connected(to: database)
        )
        let id = [UInt8](repeating: 1, count: 16)
        for _ in 0..<20 {
            try await first.deny(denial(chip), recording: record)
            _ = try await second.session(id, at: Date())
            #expect(second.denies(chip))
            #expect(try await second.allow(chip, recording: record))
            for store in [first, second] { _ = try await store.session(id, at: Date()) }
            #expect(!first.denies(chip) && first.denyListMark == second.denyListMark)
        }
        #expect(try await first.denyList()(chip) == false)
    }

    /// What a thief does to take a denial away, and whether a server at work goes on then.
    private static let thefts: [String] = [
        "DELETE FROM denials",
        "UPDATE denials SET name = 'key/' || substr(name, 6)",
        "UPDATE denials SET reason = 'a mistake', denied = 0",
    ]

    @Test(
        "Whoever writes to the database takes no denial away, and the operator sees it",
        arguments: TestedStore.allCases, thefts)
    func removed(_ kind: TestedStore, _ sql: String) async throws {
        let place = try await filled(kind)
        try await place.store.tamper(sql)
        #expect(try await denied(place.store) == [chip, key])
        let fresh = try await place.reopen()
        #expect(try await denied(fresh) == [chip, key])
        let listed = try await fresh.denials(after: "", limit: 10)
        #expect(listed.map(\.endorser) == [chip, key] && listed.contains { $0.denial == nil }, "\(listed)")
        #expect(try await !violations(fresh).isEmpty)
        // It can be allowed, or denied anew.
        try await fresh.deny(denial(chip), recording: record)
        #expect(try await fresh.allow(key, recording: record))
        #expect(try await denied(fresh) == [chip])
    }

    @Test("With its line of the manifest too, nothing is believed any more", arguments: TestedStore.allCases)
    func lineRemoved(_ kind: TestedStore) async throws {
        for sql in [
            "DELETE FROM manifest WHERE kind = 'denial'", "UPDATE manifest SET digest = '' WHERE kind = 'denial'",
            "UPDATE manifest SET name = 'x' || name WHERE kind = 'denial'",
        ] {
            let place = try await filled(kind)
            #expect(try await denied(place.store) == [chip, key])
            try await place.store.tamper("DELETE FROM denials")
            try await place.store.tamper(kind == .sqlite ? sql.replacing("''", with: "x''") : sql)
            #expect(try await denied(place.store) == [chip, key], "a server at work remembers")
            let fresh = try await place.reopen()
            await #expect(throws: ManifestViolation.self, "\(sql)") { _ = try await denied(fresh) }
            await #expect(throws: ManifestViolation.self) { try await fresh.allow(chip, recording: record) }
        }
    }

    @Test("An older state without the denial is taken by no server that has seen it", arguments: TestedStore.allCases)
    func rolledBack(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        _ = try await place.register("app")
        try await place.store.tamper("CREATE TABLE seal AS SELECT * FROM manifest_seal")
        try await place.store.deny(denial(chip), recording: record)
        #expect(try await denied(place.store) == [chip])
        try await place.store.tamper("DELETE FROM denials")
        try await place.store.tamper("DELETE FROM manifest WHERE kind = 'denial'")
        try await place.store.tamper(
            "UPDATE manifest_seal SET state = (SELECT state FROM seal), sealed = (SELECT sealed FROM seal)")
        await #expect(throws: ManifestViolation.self) { _ = try await denied(place.store) }
    }

    @Test(
        "An operator who believes the rows takes no denial back by that, and is told of each that has gone",
        arguments: TestedStore.allCases)
    func accepted(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        for id in ["app", "other"] { _ = try await place.register(id) }
        try await place.store.deny(denial(chip), recording: record)
        try await place.store.tamper("DELETE FROM denials")
        try await place.store.tamper("UPDATE workloads SET disabled = 1")
        let first = try await violations(place.store).first
        #expect(first?.contains(chip.name) == true, "\(first ?? "none")")
        guard let store = place.store as? any ServerStore else { throw NoManifest() }
        try await store.acceptRows(recording: record)
        #expect(try await denied(place.store) == [chip])
        let fresh = try await place.reopen()
        #expect(try await denied(fresh) == [chip])
    }

    @Test("A denial that somebody else writes does not hold, and is reported", arguments: TestedStore.allCases)
    func added(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        _ = try await place.register("app")
        try await place.store.tamper(
            "INSERT INTO denials (name, reason, actor, denied) VALUES ('\(chip.name)', 'x', 'x', 0), ('odd', 'x', 'x', 0)"
        )
        let fresh = try await place.reopen()
        #expect(try await denied(fresh).isEmpty)
        #expect(try await fresh.denials(after: "", limit: 10).isEmpty)
        #expect(try await violations(fresh).count == 2)
        // On the operator's word it does: what is denied is never too much.
        guard let store = fresh as? any ServerStore else { throw NoManifest() }
        try await store.acceptRows(recording: record)
        #expect(try await denied(fresh) == [chip])
    }
}
