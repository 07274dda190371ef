public import FoundationEssentials

/// Where policies and reference values are stored. As with ``Store``: acknowledged means durable, and a change and its
/// record are written together.
public protocol PolicyStore: Sendable {
    /// Writes a policy, new or in place of the one with its name.
    func set(
        _ policy: Policy, document: String, expecting expected: Revision.Expectation?, at time: Date,
        recording record: @escaping @Sendable (_ replaced: Bool) -> AuditRecord
    ) async throws -> PolicySetOutcome

    func removePolicy(
        _ name: PolicyName, expecting expected: Revision.Expectation?, recording record: AuditRecord
    ) async throws -> PolicyRemoveOutcome

    func policy(_ name: PolicyName) async throws -> StoredPolicy?

    /// Policies ordered by name, those after `name`.
    func policies(after name: String, limit: Int) async throws -> [StoredPolicy]

    /// Names of policies in order, those after `name`. A policy of a later version has a name too.
    func policyNames(after name: String, limit: Int) async throws -> [String]

    /// A policy with the reference values that it names, read at one moment.
    ///
    /// - Throws: an ``UnusableRow`` when one of them agrees with the manifest and this version cannot use it.
    func policyInForce(_ name: PolicyName) async throws -> PolicyInForce?

    /// Writes sets of reference values, each new or in place of the one with its name, and an entry in the history of
    /// each: all or none.
    ///
    /// - Returns: their revisions; `nil` when a precondition does not hold.
    func set(_ settings: [ReferenceSetting], at time: Date) async throws -> [Revision]?

    /// - Parameter change: the last entry of the set's history.
    func removeReferences(
        _ name: PolicyName, expecting expected: Revision.Expectation?, leaving change: ReferenceChange?,
        recording record: AuditRecord
    ) async throws -> PolicyRemoveOutcome

    /// The changes of a set, latest first; of a removed set too.
    ///
    /// - Parameter revision: only entries before this one.
    func referenceHistory(_ name: PolicyName, before revision: Revision, limit: Int) async throws
        -> [StoredReferenceChange]

    /// A set with its values' provenance.
    func references(_ name: PolicyName) async throws -> StoredReferenceValues?

    /// A set without its values' provenance, as decisions use it.
    ///
    /// - Throws: an ``UnusableRow`` as ``policyInForce(_:)`` does.
    func referencesInForce(_ name: PolicyName) async throws -> ReferenceValueSet?

    /// Sets ordered by name, those after `name`, without provenance.
    func references(after name: String, limit: Int) async throws -> [StoredReferenceValues]

    /// Names of sets of a kind in order, those after `name`.
    func referenceNames(of kind: ReferenceValueSet.Kind, after name: String, limit: Int) async throws -> [String]
}

/// The version (ETag) of a policy or a set of reference values: a number that counts up with each change of any of them
/// and is never used again, not in a copy of the database either.
public struct Revision: Sendable, Hashable, CustomStringConvertible {
    public let number: Int64

    public init(_ number: Int64) { self.number = number }

    /// Reads ``description``.
    public init?(_ text: some StringProtocol) {
        guard let number = Int64(text), number > 0, String(number) == text else { return nil }
        self.number = number
    }

    public var description: String { "\(number)" }

    public typealias Expectation = Precondition<Revision>
}

public struct StoredPolicy: Sendable, Hashable {
    public let policy: Policy
    /// The policy's TOML text, as its author wrote it.
    public let document: String
    public let revision: Revision
    public let changed: Date

    public init(policy: Policy, document: String, revision: Revision, changed: Date) {
        self.policy = policy
        self.document = document
        self.revision = revision
        self.changed = changed
    }
}

public struct StoredReferenceValues: Sendable, Hashable {
    public let set: ReferenceValueSet
    public let revision: Revision
    public let changed: Date

    public init(set: ReferenceValueSet, revision: Revision, changed: Date) {
        self.set = set
        self.revision = revision
        self.changed = changed
    }
}

public enum PolicySetOutcome: Sendable, Hashable {
    case done(Revision, replaced: Bool)
    /// The precondition does not hold.
    case changed
    /// The policy names sets of reference values that do not exist.
    case unknownReferences([PolicyName])
}

public enum PolicyRemoveOutcome: Sendable, Hashable {
    case done
    case missing
    case changed
    /// A resource has this policy, or a policy names these reference values.
    case inUse
}
