import Bytes
import Crypto
import Evidence
public import FoundationEssentials

/// What operators do to policies and reference values. Who may, is decided before.
public struct PolicyLibrary: Sendable {
    private let store: any PolicyStore
    private let now: @Sendable () -> Date

    public init(_ store: any PolicyStore, now: @escaping @Sendable () -> Date = { Date() }) {
        self.store = store
        self.now = now
    }

    /// Writes a policy, durably.
    ///
    /// - Parameters:
    ///   - document: what the policy was read from.
    ///   - expected: what must be there, if it matters.
    /// - Throws: a ``Refusal`` when the policy cannot be used, names reference values that are not there, or another
    ///   is there than was expected.
    /// - Returns: its revision, and whether it replaced one.
    @discardableResult
    public func set(
        _ policy: Policy, document: String, expecting expected: Revision.Expectation? = nil, by actor: Actor
    ) async throws -> (stored: StoredPolicy, replaced: Bool) {
        try policy.check()
        let time = now()
        let digest = Hex.encode(SHA256.hash(data: document.utf8))
        let outcome = try await store.set(policy, document: document, expecting: expected, at: time) { replaced in
            AuditRecord(
                .setPolicy, by: actor,
                details: ["policy": policy.name.text, "sha256": digest, "replaced": "\(replaced)"], at: time)
        }
        switch outcome {
        case .done(let revision, let replaced):
            return (
                StoredPolicy(policy: policy, document: document, revision: revision, changed: time), replaced
            )
        case .changed: throw Refusal.policyChanged("policy \(policy.name)")
        case .unknownReferences(let names):
            let list = names.map { "@\($0)" }.joined(separator: ", ")
            throw Refusal(
                .invalidField,
                "The policy \(policy.name) names reference values that are not there (\(list)): set them first.")
        }
    }

    public func removePolicy(
        _ name: PolicyName, expecting expected: Revision.Expectation? = nil, by actor: Actor
    ) async throws {
        let record = AuditRecord(.removePolicy, by: actor, details: ["policy": name.text], at: now())
        switch try await store.removePolicy(name, expecting: expected, recording: record) {
        case .done: break
        case .missing: throw Refusal.noPolicy(name)
        case .changed: throw Refusal.policyChanged("policy \(name)")
        case .inUse:
            throw Refusal(
                .inUse,
                "The policy \(name) decides over resources or workloads: give them another policy first, or remove them."
            )
        }
    }

    /// - Throws: a ``Refusal`` when there is none.
    public func policy(_ name: PolicyName) async throws -> StoredPolicy {
        guard let stored = try await store.policy(name) else { throw Refusal.noPolicy(name) }
        return stored
    }

    public func policies(after name: String, limit: Int) async throws -> [StoredPolicy] {
        try await store.policies(after: name, limit: limit)
    }

    /// A policy with the reference values that it names.
    ///
    /// - Throws: a ``Refusal`` when there is no such policy.
    public func policyInForce(_ name: PolicyName) async throws -> PolicyInForce {
        guard let policy = try await store.policyInForce(name) else { throw Refusal.noPolicy(name) }
        return policy
    }

    /// The sets that a policy names which is not kept, as far as they are there.
    public func references(of policy: Policy) async throws -> ReferenceValues {
        var references: ReferenceValues = [:]
        for name in policy.referenceNames { references[name] = try await store.references(name)?.set }
        return references
    }

    // MARK: Reference values

    @discardableResult
    public func set(
        _ references: ReferenceValueSet, expecting expected: Revision.Expectation? = nil, by actor: Actor
    ) async throws -> (stored: StoredReferenceValues, replaced: Bool) {
        let time = now()
        let outcome = try await store.set(references, expecting: expected, at: time) { replaced in
            .set(references, replaced, by: actor, at: time)
        }
        guard case .done(let revision, let replaced) = outcome else {
            throw Refusal.policyChanged("set of reference values \(references.name)")
        }
        return (StoredReferenceValues(set: references, revision: revision, changed: time), replaced)
    }

    /// Writes several sets, whatever is there under their names: all of them or none.
    public func set(_ references: [ReferenceValueSet], by actor: Actor) async throws {
        let time = now()
        try await store.set(references, at: time) { .set($0, $1, by: actor, at: time) }
    }

    public func removeReferences(
        _ name: PolicyName, expecting expected: Revision.Expectation? = nil, by actor: Actor
    ) async throws {
        let record = AuditRecord(.removeReferenceValues, by: actor, details: ["reference_values": name.text], at: now())
        switch try await store.removeReferences(name, expecting: expected, recording: record) {
        case .done: break
        case .missing: throw Refusal.noReferences(name)
        case .changed: throw Refusal.policyChanged("set of reference values \(name)")
        case .inUse:
            throw Refusal(.inUse, "The reference values \(name) are named by a policy: change the policy first.")
        }
    }

    /// - Throws: a ``Refusal`` when there are none.
    public func references(_ name: PolicyName) async throws -> StoredReferenceValues {
        guard let stored = try await store.references(name) else { throw Refusal.noReferences(name) }
        return stored
    }

    public func references(after name: String, limit: Int) async throws -> [StoredReferenceValues] {
        try await store.references(after: name, limit: limit)
    }
}

extension AuditRecord {
    fileprivate static func set(
        _ references: ReferenceValueSet, _ replaced: Bool, by actor: Actor, at time: Date
    ) -> AuditRecord {
        AuditRecord(
            .setReferenceValues, by: actor,
            details: [
                "reference_values": references.name.text, "kind": references.kind.rawValue,
                "count": "\(references.values.count)", "sha256": references.digest, "source": references.source,
                "replaced": "\(replaced)",
            ], at: time)
    }
}

extension ReferenceValueSet {
    /// SHA-256 over the values as people write them, one a line, in hex: for the trail, which has no room for thousands of them.
    fileprivate var digest: String {
        let lines = texts.map { $0 + "\n" }.joined()
        return Hex.encode(SHA256.hash(data: lines.utf8))
    }
}

extension Refusal {
    fileprivate static func policyChanged(_ what: String) -> Refusal {
        Refusal(.preconditionFailed, "The \(what) is not what you last read: read it again, and decide anew.")
    }

    fileprivate static func noPolicy(_ name: PolicyName) -> Refusal {
        Refusal(.notFound, "There is no policy \(name).")
    }

    fileprivate static func noReferences(_ name: PolicyName) -> Refusal {
        Refusal(.notFound, "There are no reference values \(name).")
    }
}
