import Broker
import BrokerSupport
import Bytes
import Evidence
import EvidenceSupport
import Foundation
import Testing

@testable import Storage

/// What any store of policies must do.
@Suite("Policies and reference values in the store")
struct PolicyTableTests {
    // MARK: Keeping

    @Test(
        "A policy comes back as it was set, with its document, and is replaced as a whole",
        arguments: TestedStore.allCases)
    func policyRoundTrip(_ kind: TestedStore) async throws {
        let place = try await PolicyPlace(kind)
        try await place.set(place.values("web-1", "app", "b"))
        let first = try await place.set(place.policy(naming: "web-1"))
        #expect(try await place.library.policy(PolicyName("web")) == first)
        let second = try await place.set(place.policy())
        #expect(try await place.library.policy(PolicyName("web")) == second && second.revision != first.revision)
        #expect(try await place.library.policyInForce(PolicyName("web")).references.isEmpty)
    }

    @Test("Reference values come back as they were set", arguments: TestedStore.allCases)
    func valuesRoundTrip(_ kind: TestedStore) async throws {
        let place = try await PolicyPlace(kind)
        let stored = try await place.set(place.values("web-1", "app", "b"))
        #expect(try await place.library.references(PolicyName("web-1")) == stored)
        let endless = try ReferenceValueSet(
            name: PolicyName("host"), kind: .hostData, values: [Simulated.digest("x")], source: "", expires: nil)
        try await place.set(endless)
        #expect(try await place.library.references(PolicyName("host")).set.withoutEntries == endless)
    }

    @Test(
        "Reference values of every kind come back as they were set, alone or as a list; E1",
        arguments: TestedStore.allCases)
    func everyKind(_ kind: TestedStore) async throws {
        let place = try await PolicyPlace(kind)
        let digest = Hex.encode(Simulated.measurement("app"))
        for (kind, texts, isSingle) in [
            (.measurement, [digest], true), (.measurement, [digest], false), (.number, ["3", "-1"], false),
            (.number, ["3"], true), (.boolean, ["false"], true), (.text, ["1.4", "K\u{212A}"], false),
            (.text, ["x"], true),
        ] as [(ReferenceValueSet.Kind, [String], Bool)] {
            let set = try ReferenceValueSet(
                name: PolicyName("values"), kind: kind, texts: texts, source: "", expires: nil, isSingle: isSingle)
            try await place.set(set)
            #expect(try await place.library.references(PolicyName("values")).set.withoutEntries == set)
        }
    }

    @Test("Both are listed in the order of their names, in pages", arguments: TestedStore.allCases)
    func listing(_ kind: TestedStore) async throws {
        let place = try await PolicyPlace(kind)
        for name in ["b", "a", "c"] {
            try await place.set(place.policy(name))
            try await place.set(place.values(name, "app"))
        }
        #expect(try await place.library.policies(after: "", limit: 2).map(\.policy.name.text) == ["a", "b"])
        #expect(try await place.library.policies(after: "b", limit: 2).map(\.policy.name.text) == ["c"])
        #expect(try await place.library.references(after: "a", limit: 9).map(\.set.name.text) == ["b", "c"])
    }

    @Test("What is not there is not found", arguments: TestedStore.allCases)
    func absent(_ kind: TestedStore) async throws {
        let place = try await PolicyPlace(kind)
        let name = try PolicyName("none")
        #expect(await place.refused { _ = try await place.library.policy(name) } == .notFound)
        #expect(await place.refused { _ = try await place.library.policyInForce(name) } == .notFound)
        #expect(await place.refused { _ = try await place.library.references(name) } == .notFound)
        #expect(await place.refused { try await place.library.removePolicy(name, by: .server) } == .notFound)
        #expect(await place.refused { try await place.library.removeReferences(name, by: .server) } == .notFound)
    }

    @Test("When a value counts and how it came about come back as they were set", arguments: TestedStore.allCases)
    func lives(_ kind: TestedStore) async throws {
        let place = try await PolicyPlace(kind)
        let provenance = Provenance(
            .computed, tool: "kbs 1",
            files: [.init(role: "firmware", name: "OVMF.fd", sha256: String(repeating: "ab", count: 32), size: 3)],
            commandLine: "a \u{0} \u{e9}", parameters: ["vcpus": "2"])
        let (from, end) = (Date(timeIntervalSince1970: 1_700_000_000), Date(timeIntervalSince1970: 1_800_000_000))
        let set = try ReferenceValueSet(
            name: PolicyName("web-1"), kind: .measurement,
            values: [
                ReferenceValue(Simulated.measurement("a"), provenance: provenance),
                ReferenceValue(Simulated.measurement("b"), ValidityPeriod(from: from)),
                ReferenceValue(Simulated.measurement("c"), ValidityPeriod(from: from, expires: end)),
            ], source: "a test")
        try await place.set(set)
        let stored = try await place.library.references(set.name).set
        #expect(stored.withoutEntries == set)
        #expect(stored.values.map(\.entry?.actor) == ["server", "server", "server"])
        // Who decides reads no provenance.
        try await place.set(place.policy(naming: "web-1"))
        let inForce = try await place.library.policyInForce(PolicyName("web")).references[set.name]
        #expect(inForce?.values.map(\.period) == set.values.map(\.period))
        #expect(inForce?.values.first?.provenance == nil)
    }

    @Test("What a value was set with first stays with it; who sets it again changes only what he says")
    func firstEntryStays() async throws {
        let place = try await PolicyPlace(.sqlite)
        let name = try PolicyName("web-1")
        let provenance = Provenance(.computed, tool: "kbs 1")
        let value = ReferenceValue(Simulated.measurement("a"), provenance: provenance)
        let set = try ReferenceValueSet(name: name, kind: .measurement, values: [value], source: "")
        try await place.library.set(set, by: .anonymous("first"))
        let plain = try ReferenceValueSet(
            name: name, kind: .measurement, values: ["a", "b"].map { ReferenceValue(Simulated.measurement($0)) },
            source: "")
        try await place.library.set(plain, by: .server)
        let values = try await place.library.references(name).set.values
        #expect(values.map(\.entry?.actor) == ["anonymous:first", "server"])
        #expect(values.map(\.provenance) == [provenance, nil])
    }

    // MARK: History

    @Test("The history of a set is kept with it, survives it, and forgets the oldest", arguments: TestedStore.allCases)
    func history(_ kind: TestedStore) async throws {
        let place = try await PolicyPlace(kind)
        let name = try PolicyName("web-1")
        for index in 0..<(ReferenceChange.mostEntries + 3) {
            try await place.set(place.values("web-1", "image \(index)"))
        }
        try await place.set(place.values("other", "app"))
        try await place.library.removeReferences(name, by: .server)
        let all = try await place.library.history(of: name, before: nil, limit: 1_000)
        #expect(all.count == ReferenceChange.mostEntries)
        #expect(all.map(\.revision.number) == all.map(\.revision.number).sorted(by: >))
        #expect(all[0].change.added.isEmpty && all[0].change.removed.count == 1)
        let last = Simulated.measurement("image \(ReferenceChange.mostEntries + 2)")
        #expect(all[1].change.added.map(\.bytes) == [last] && all[1].change.source == "a test")
        let rest = try await place.library.history(of: name, before: all[1].revision, limit: 1)
        #expect(rest == [all[2]])
        let other = try await place.library.history(of: PolicyName("other"), before: nil, limit: 9)
        #expect(other.count == 1)
    }

    @Test(
        "A row that somebody else has written is replaced whole, and nothing is built on it",
        arguments: TestedStore.allCases)
    func foreignRow(_ kind: TestedStore) async throws {
        let place = try await PolicyPlace(kind)
        let set = try place.values("web-1", "app")
        try await place.set(set)
        try await place.store.tamper("UPDATE reference_values SET periods = substr(digests, 1, 0)")
        await #expect(throws: ManifestViolation.self) {
            try await place.library.set(place.values("web-1", "b"), keeping: 60, by: .server)
        }
        await #expect(throws: ManifestViolation.self) {
            try await place.library.change(
                set.name, by: .retirement(values: nil, after: 60, for: nil), by: .server)
        }
        await #expect(throws: ManifestViolation.self) {
            try await place.library.add(
                [ReferenceValue(Simulated.measurement("b"))], of: .measurement, to: set.name, by: .server)
        }
        try await place.set(place.values("web-1", "b"))
        #expect(try await place.library.references(set.name).set.values.map(\.bytes) == [Simulated.measurement("b")])
        try await place.store.tamper("UPDATE reference_values SET provenance = '[]'")
        await #expect(throws: (any Error).self) { try await place.library.references(set.name) }
        try await place.library.removeReferences(set.name, by: .server)
    }

    @Test("Two operators who add at the same time both have their value in the set", arguments: TestedStore.allCases)
    func addingAtOnce(_ kind: TestedStore) async throws {
        let place = try await PolicyPlace(kind)
        let name = try PolicyName("web-1")
        let library = place.library
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<4 {
                group.addTask {
                    _ = try await library.add(
                        [ReferenceValue(Simulated.measurement("image \(index)"))], of: .measurement, to: name,
                        by: .server)
                }
            }
            try await group.waitForAll()
        }
        #expect(try await place.library.references(name).set.values.count == 4)
    }

    // MARK: In force

    @Test(
        "A policy in force has the values that it names, and another stamp when any of them changes",
        arguments: TestedStore.allCases)
    func stamps(_ kind: TestedStore) async throws {
        let place = try await PolicyPlace(kind)
        try await place.set(place.values("z", "app"))
        try await place.set(place.values("a", "app"))
        try await place.set(place.values("unrelated", "app"))
        try await place.set(place.policy(naming: "z", "a"))
        let name = try PolicyName("web")
        let first = try await place.library.policyInForce(name)
        #expect(Set(first.references.keys.map(\.text)) == ["a", "z"])
        #expect(try await place.library.policyInForce(name) == first)
        try await place.set(place.values("unrelated", "b"))
        #expect(try await place.library.policyInForce(name).stamp == first.stamp)
        try await place.set(place.values("a", "b"))
        let second = try await place.library.policyInForce(name)
        #expect(second.stamp != first.stamp)
        #expect(second.references[try PolicyName("a")]?.values.map(\.bytes) == [Simulated.measurement("b")])
        try await place.set(place.policy(naming: "z", "a"))
        #expect(try await place.library.policyInForce(name).stamp != second.stamp)
    }

    // MARK: What depends on what

    @Test(
        "A policy that names values that are not there is refused, and nothing is written",
        arguments: TestedStore.allCases)
    func unknownValues(_ kind: TestedStore) async throws {
        let place = try await PolicyPlace(kind)
        let before = try await place.store.auditHead()
        let policy = try place.policy(naming: "web-1")
        #expect(await place.refused { try await place.set(policy) } == .invalidField)
        #expect(try await place.store.policy(policy.name) == nil)
        #expect(try await place.store.auditHead() == before)
    }

    @Test("A policy that cannot be used is not kept, whoever made it", arguments: TestedStore.allCases)
    func unchecked(_ kind: TestedStore) async throws {
        let place = try await PolicyPlace(kind)
        var policy = try place.policy()
        policy.measurements = nil
        let open = policy
        #expect(await place.refused { try await place.set(open) } == .invalidField)
    }

    @Test("Values that a policy names stay until the policy goes or names others", arguments: TestedStore.allCases)
    func namedValues(_ kind: TestedStore) async throws {
        let place = try await PolicyPlace(kind)
        let name = try PolicyName("web-1")
        try await place.set(place.values("web-1", "app"))
        try await place.set(place.policy(naming: "web-1"))
        #expect(await place.refused { try await place.library.removeReferences(name, by: .server) } == .inUse)
        #expect(try await place.library.references(name).set.name == name)
        try await place.set(place.policy())
        try await place.library.removeReferences(name, by: .server)
        try await place.set(place.values("web-1", "app"))
        try await place.set(place.policy(naming: "web-1"))
        try await place.library.removePolicy(PolicyName("web"), by: .server)
        try await place.library.removeReferences(name, by: .server)
    }

    // MARK: Versions

    @Test("A change that expects another revision than there is changes nothing", arguments: TestedStore.allCases)
    func expectations(_ kind: TestedStore) async throws {
        let place = try await PolicyPlace(kind)
        let policy = try place.policy()
        let name = policy.name
        #expect(await place.refused { try await place.set(policy, expecting: .any) } == .preconditionFailed)
        let first = try await place.set(policy, expecting: Revision.Expectation.none)
        let stale = Revision.Expectation.revision(first.revision)
        #expect(
            await place.refused { try await place.set(policy, expecting: Revision.Expectation.none) }
                == .preconditionFailed)
        let second = try await place.set(policy, expecting: stale)
        #expect(await place.refused { try await place.set(policy, expecting: stale) } == .preconditionFailed)
        #expect(
            await place.refused { try await place.library.removePolicy(name, expecting: stale, by: .server) }
                == .preconditionFailed)
        #expect(try await place.library.policy(name) == second)
        try await place.library.removePolicy(name, expecting: .revision(second.revision), by: .server)
        let third = try await place.set(policy)
        #expect(![first.revision, second.revision].contains(third.revision), "a revision never comes again")
    }

    @Test("Values that are not what they were expected to be stay as they are", arguments: TestedStore.allCases)
    func valueExpectations(_ kind: TestedStore) async throws {
        let place = try await PolicyPlace(kind)
        let values = try place.values("web-1", "app")
        let first = try await place.set(values).revision
        let second = try await place.set(values).revision
        let stale = Revision.Expectation.revision(first)
        #expect(
            await place.refused { _ = try await place.library.set(values, expecting: stale, by: .server) }
                == .preconditionFailed)
        #expect(
            await place.refused { try await place.library.removeReferences(values.name, expecting: stale, by: .server) }
                == .preconditionFailed)
        #expect(try await place.library.references(values.name).revision == second)
    }

    @Test("Several sets are written together, or none of them", arguments: TestedStore.allCases)
    func together(_ kind: TestedStore) async throws {
        let place = try await PolicyPlace(kind)
        let first = try await place.set(place.values("a", "app"))
        try await place.library.set([place.values("a", "b"), place.values("b", "b")], by: .server)
        #expect(try await place.library.references(after: "", limit: 9).map(\.set.name.text) == ["a", "b"])
        let second = try await place.library.references(PolicyName("a"))
        #expect(second.set.values.map(\.bytes) == [Simulated.measurement("b")] && second.revision != first.revision)
        #expect(try await place.store.trail().map { $0["replaced"] } == ["false", "true", "false"])

        try await place.refuseValues(named: "d")
        await #expect(throws: (any Error).self) {
            try await place.library.set([place.values("c", "b"), place.values("d", "b")], by: .server)
        }
        #expect(try await place.library.references(after: "", limit: 9).map(\.set.name.text) == ["a", "b"])
        #expect(try await place.store.trail().count == 3)
    }

    // MARK: The trail

    @Test("Each change is in the trail", arguments: TestedStore.allCases)
    func trail(_ kind: TestedStore) async throws {
        let place = try await PolicyPlace(kind)
        try await place.set(place.values("web-1", "app"))
        try await place.set(place.policy(naming: "web-1"))
        try await place.library.removePolicy(PolicyName("web"), by: .server)
        try await place.library.removeReferences(PolicyName("web-1"), by: .server)
        let trail = try await place.store.trail()
        #expect(
            trail.map { $0["action"] } == ["reference.set", "policy.set", "policy.remove", "reference.remove"])
        #expect(trail[0]["source"] == "a test" && trail[0]["count"] == "1" && trail[0]["reference_values"] == "web-1")
        #expect(trail[1]["policy"] == "web" && trail[1]["sha256"] == Hex.encode(Simulated.digest("# web")))
    }

    @Test("A policy whose rules cannot be read decides nothing", arguments: TestedStore.allCases)
    func damaged(_ kind: TestedStore) async throws {
        let place = try await PolicyPlace(kind)
        try await place.set(place.policy())
        try await place.store.tamper("UPDATE policies SET rules = replace(rules, '\"form\":4', '\"form\":5')")
        await #expect(throws: (any Error).self) { _ = try await place.library.policyInForce(PolicyName("web")) }
    }
}

/// A store with a library of policies.
private struct PolicyPlace {
    let store: any ExaminedStore
    let library: PolicyLibrary
    private let place: StorePlace

    /// Has the database refuse sets with this name.
    func refuseValues(named name: String) async throws {
        switch place.kind {
        case .sqlite:
            try await store.tamper(
                """
                CREATE TRIGGER fail BEFORE INSERT ON reference_values WHEN NEW.name = '\(name)'
                BEGIN SELECT RAISE(ABORT, 'no'); END
                """)
        case .postgresql:
            try await store.tamper("ALTER TABLE reference_values ADD CHECK (name <> '\(name)')")
        }
    }

    init(_ kind: TestedStore) async throws {
        place = try await StorePlace(kind)
        let now = place.now
        store = place.store
        library = PolicyLibrary(store, now: { now })
    }

    func policy(_ name: String = "web", naming sets: String...) throws -> Policy {
        var policy = Policy(name: try PolicyName(name))
        policy.measurements =
            [.value(Simulated.measurement("app"))] + (try sets.map { .set(try PolicyName($0)) })
        return policy
    }

    func values(_ name: String, _ images: String...) throws -> ReferenceValueSet {
        try ReferenceValueSet(
            name: PolicyName(name), kind: .measurement, values: images.map(Simulated.measurement), source: "a test",
            expires: Date(timeIntervalSince1970: 1_800_000_000))
    }

    @discardableResult
    func set(_ policy: Policy, expecting: Revision.Expectation? = nil) async throws -> StoredPolicy {
        try await library.set(policy, document: "# \(policy.name)", expecting: expecting, by: .server).stored
    }

    @discardableResult
    func set(_ values: ReferenceValueSet) async throws -> StoredReferenceValues {
        try await library.set(values, by: .server).stored
    }

    func refused(_ body: () async throws -> Void) async -> Refusal.Code? {
        do { try await body() } catch { return (error as? Refusal)?.code }
        return nil
    }
}

extension ReferenceValueSet {
    /// As whoever set it gave it.
    fileprivate var withoutEntries: ReferenceValueSet? {
        let values = values.map { ReferenceValue($0.bytes, $0.period, provenance: $0.provenance) }
        return try? ReferenceValueSet(
            name: name, kind: kind, values: values, source: source, supersededBy: supersededBy, isSingle: isSingle)
    }
}
