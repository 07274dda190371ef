import Broker
import Evidence
import Foundation
import Storage
import TestSupport
import Testing

/// What any store of policies must do. It runs against SQLite here.
@Suite("Policies and reference values in the store")
struct PolicyTableTests {
    let folder: TemporaryFolder
    let store: SQLiteStore
    let library: PolicyLibrary

    init() throws {
        folder = try TemporaryFolder()
        store = try SQLiteStore(file: folder.file("kbs.sqlite"))
        library = PolicyLibrary(store, now: { Date(timeIntervalSince1970: 1_760_000_000) })
    }

    private func policy(_ name: String = "web", naming sets: String...) throws -> ResourcePolicy {
        var policy = ResourcePolicy(name: try PolicyName(name))
        policy.measurements =
            [.value(Simulated.measurement("app"))] + (try sets.map { .set(try PolicyName($0)) })
        return policy
    }

    private func values(_ name: String, _ images: String...) throws -> ReferenceValueSet {
        try ReferenceValueSet(
            name: PolicyName(name), kind: .measurement, values: images.map(Simulated.measurement), source: "a test",
            expires: Date(timeIntervalSince1970: 1_800_000_000))
    }

    @discardableResult
    private func set(_ policy: ResourcePolicy, expecting: Revision.Expectation? = nil) async throws -> StoredPolicy {
        try await library.set(policy, document: "# \(policy.name)", expecting: expecting, by: .server).stored
    }

    @discardableResult
    private func set(_ values: ReferenceValueSet) async throws -> StoredReferenceValues {
        try await library.set(values, by: .server).stored
    }

    private func refused(_ body: () async throws -> Void) async -> Refusal.Code? {
        do { try await body() } catch { return (error as? Refusal)?.code }
        return nil
    }

    // MARK: Keeping

    @Test("A policy comes back as it was set, with its document, and is replaced as a whole")
    func policyRoundTrip() async throws {
        try await set(values("web-1", "app", "b"))
        let first = try await set(policy(naming: "web-1"))
        #expect(try await library.policy(PolicyName("web")) == first)
        let second = try await set(policy())
        #expect(try await library.policy(PolicyName("web")) == second && second.revision != first.revision)
        #expect(try await library.policyInForce(PolicyName("web")).references.isEmpty)
    }

    @Test("Reference values come back as they were set")
    func valuesRoundTrip() async throws {
        let stored = try await set(values("web-1", "app", "b"))
        #expect(try await library.references(PolicyName("web-1")) == stored)
        let endless = try ReferenceValueSet(
            name: PolicyName("host"), kind: .hostData, values: [Simulated.digest("x")], source: "", expires: nil)
        try await set(endless)
        #expect(try await library.references(PolicyName("host")).set == endless)
    }

    @Test("Both are listed in the order of their names, in pages")
    func listing() async throws {
        for name in ["b", "a", "c"] {
            try await set(policy(name))
            try await set(values(name, "app"))
        }
        #expect(try await library.policies(after: "", limit: 2).map(\.policy.name.text) == ["a", "b"])
        #expect(try await library.policies(after: "b", limit: 2).map(\.policy.name.text) == ["c"])
        #expect(try await library.references(after: "a", limit: 9).map(\.set.name.text) == ["b", "c"])
    }

    @Test("What is not there is not found")
    func absent() async throws {
        let name = try PolicyName("none")
        #expect(await refused { _ = try await library.policy(name) } == .notFound)
        #expect(await refused { _ = try await library.policyInForce(name) } == .notFound)
        #expect(await refused { _ = try await library.references(name) } == .notFound)
        #expect(await refused { try await library.removePolicy(name, by: .server) } == .notFound)
        #expect(await refused { try await library.removeReferences(name, by: .server) } == .notFound)
    }

    // MARK: In force

    @Test("A policy in force has the values that it names, and another stamp when any of them changes")
    func stamps() async throws {
        try await set(values("z", "app"))
        try await set(values("a", "app"))
        try await set(values("unrelated", "app"))
        try await set(policy(naming: "z", "a"))
        let name = try PolicyName("web")
        let first = try await library.policyInForce(name)
        #expect(Set(first.references.keys.map(\.text)) == ["a", "z"])
        #expect(try await library.policyInForce(name) == first)
        try await set(values("unrelated", "b"))
        #expect(try await library.policyInForce(name).stamp == first.stamp)
        try await set(values("a", "b"))
        let second = try await library.policyInForce(name)
        #expect(second.stamp != first.stamp)
        #expect(second.references[try PolicyName("a")]?.values == [Simulated.measurement("b")])
        try await set(policy(naming: "z", "a"))
        #expect(try await library.policyInForce(name).stamp != second.stamp)
    }

    // MARK: What depends on what

    @Test("A policy that names values that are not there is refused, and nothing is written")
    func unknownValues() async throws {
        let before = try await store.auditHead()
        let policy = try policy(naming: "web-1")
        #expect(await refused { try await set(policy) } == .invalidField)
        #expect(try await store.policy(policy.name) == nil)
        #expect(try await store.auditHead() == before)
    }

    @Test("A policy that cannot be used is not kept, whoever made it")
    func unchecked() async throws {
        var policy = try policy()
        policy.measurements = nil
        let open = policy
        #expect(await refused { try await set(open) } == .invalidField)
    }

    @Test("Values that a policy names stay until the policy goes or names others")
    func namedValues() async throws {
        let name = try PolicyName("web-1")
        try await set(values("web-1", "app"))
        try await set(policy(naming: "web-1"))
        #expect(await refused { try await library.removeReferences(name, by: .server) } == .inUse)
        #expect(try await library.references(name).set.name == name)
        try await set(policy())
        try await library.removeReferences(name, by: .server)
        try await set(values("web-1", "app"))
        try await set(policy(naming: "web-1"))
        try await library.removePolicy(PolicyName("web"), by: .server)
        try await library.removeReferences(name, by: .server)
    }

    // MARK: Versions

    @Test("A change that expects another revision than there is changes nothing")
    func expectations() async throws {
        let policy = try policy()
        let name = policy.name
        #expect(await refused { try await set(policy, expecting: .any) } == .preconditionFailed)
        let first = try await set(policy, expecting: Revision.Expectation.none)
        let stale = Revision.Expectation.revision(first.revision)
        #expect(await refused { try await set(policy, expecting: Revision.Expectation.none) } == .preconditionFailed)
        let second = try await set(policy, expecting: stale)
        #expect(await refused { try await set(policy, expecting: stale) } == .preconditionFailed)
        #expect(
            await refused { try await library.removePolicy(name, expecting: stale, by: .server) }
                == .preconditionFailed)
        #expect(try await library.policy(name) == second)
        try await library.removePolicy(name, expecting: .revision(second.revision), by: .server)
        let third = try await set(policy)
        #expect(![first.revision, second.revision].contains(third.revision), "a revision never comes again")
    }

    @Test("Values that are not what they were expected to be stay as they are")
    func valueExpectations() async throws {
        let values = try values("web-1", "app")
        let first = try await set(values).revision
        let second = try await set(values).revision
        let stale = Revision.Expectation.revision(first)
        #expect(
            await refused { _ = try await library.set(values, expecting: stale, by: .server) } == .preconditionFailed)
        #expect(
            await refused { try await library.removeReferences(values.name, expecting: stale, by: .server) }
                == .preconditionFailed)
        #expect(try await library.references(values.name).revision == second)
    }

    // MARK: The trail

    @Test("Each change is in the trail, under the number that is its revision")
    func trail() async throws {
        let values = try await set(values("web-1", "app"))
        let policy = try await set(policy(naming: "web-1"))
        try await library.removePolicy(PolicyName("web"), by: .server)
        try await library.removeReferences(PolicyName("web-1"), by: .server)
        let trail = try await store.trail()
        #expect(
            trail.map { $0["action"] } == ["reference.set", "policy.set", "policy.remove", "reference.remove"])
        #expect(values.revision.number == 1 && policy.revision.number == 2)
        #expect(trail[0]["source"] == "a test" && trail[0]["count"] == "1" && trail[0]["reference_values"] == "web-1")
        #expect(trail[1]["policy"] == "web" && trail[1]["sha256"] == Hex.encode(Simulated.digest("# web")))
    }

    @Test("A policy whose rules cannot be read decides nothing")
    func damaged() async throws {
        try await set(policy())
        try store.tamper("UPDATE policies SET rules = replace(rules, '\"form\":1', '\"form\":2')")
        await #expect(throws: (any Error).self) { _ = try await library.policyInForce(PolicyName("web")) }
    }
}
