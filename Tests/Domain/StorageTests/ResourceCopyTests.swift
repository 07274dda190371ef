import Broker
import EvidenceSupport
import Foundation
import TestSupport
import Testing

@testable import Storage

@Suite("Guests, resources and policies in a copy")
struct ResourceCopyTests {
    private let now = Date(timeIntervalSince1970: 1_760_000_000)

    private func set(_ name: String, on store: any ExaminedStore) async throws -> Revision {
        var policy = Policy(name: try PolicyName(name))
        policy.acceptsAnyMeasurement = true
        let outcome = try await store.set(policy, document: "# \(name)", expecting: nil, at: now) { _ in
            AuditRecord(.setPolicy, by: .server, at: now)
        }
        guard case .done(let revision, _) = outcome else { throw NotDone(outcome: outcome) }
        return revision
    }

    private struct NotDone: Error { let outcome: PolicySetOutcome }

    @Test("They are in it, with what has no value, and no number is given again", arguments: TestedStore.allCases)
    func copied(from kind: TestedStore) async throws {
        let source = try await StorePlace(kind)
        #expect(try await source.insert(source.guest(1)))
        try await source.store.tamper("INSERT INTO init_data (id, entries, expires) SELECT id, claims, 9 FROM sessions")
        try await source.store.tamper(
            """
            INSERT INTO foreign_guests (id, issuer, tee, chip, opened, ends, barred, expires)
                SELECT id, 'https://a.example', tee, chip, opened, expires, 0, expires FROM sessions
            """)
        // More numbers than records: one that was not used, and one of what is gone.
        _ = try await source.store.removePolicy(
            PolicyName("none"), expecting: nil, recording: source.record(.removePolicy))
        var revisions = [try await set("a", on: source.store), try await set("b", on: source.store)]
        let name = try PolicyName("a")
        let resource = try await source.done(source.put(1, policy: .named(name)))
        let other = try ResourcePath("default/key/2")
        let removed = try await source.done(source.put(1, at: other))
        let bare = try ResourcePath("default/key/3")
        _ = try await source.put(1, at: bare)
        _ = try await source.store.removeResource(other, expecting: nil, recording: source.record(.removeResource))

        let target = try await StorePlace(kind == .sqlite ? .postgresql : .sqlite)
        try await source.close()
        try await target.close()
        let outcome = try await StorageCopy.run(from: source.copyPlace(), to: target.copyPlace())
        #expect(outcome.tables.map(\.table) == CopiedTable.all.map(\.name))
        #expect(
            outcome.tables.filter { $0.rows == 1 }.map(\.table).count { ["init_data", "foreign_guests"].contains($0) }
                == 2)
        let store = try await target.reopen()
        #expect(try await store.session(source.guest(1).id, at: now) == source.guest(1))
        #expect(try await store.resource(source.path) == resource)
        #expect(try await store.resource(bare)?.policy == nil)
        #expect(try await store.policy(name)?.document == "# a")
        for name in ["a", "b", "c"] { revisions.append(try await set(name, on: store)) }
        #expect(Set(revisions).count == 5)
        let again = try await source.done(
            store.put(
                NewResourceVersion(
                    path: other, number: 1, sealed: Sealed(bytes: [1], masterKey: "k"), size: 1, policy: nil),
                expecting: nil, at: now
            ) { _ in source.record(.putResource) })
        #expect(again.row > removed.row)
    }
}
