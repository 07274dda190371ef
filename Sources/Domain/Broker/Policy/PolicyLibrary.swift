import Bytes
import Crypto
import Evidence
import Formats
public import FoundationEssentials

/// A change to a set of reference values whose impact can be asked for.
public enum ReferenceEdit: Sendable {
    /// The set takes the place of the present one, whose values stay valid for `keeping` seconds, at most; `nil` removes
    /// them at once.
    case replacement(ReferenceValueSet, keeping: TimeInterval?)
    /// The values, in their text form, expire after so many seconds, unless they expire earlier; `nil` for all of them.
    /// Without `after` they stay as they are. Policies should name another set instead, if one is given.
    case retirement(values: [String]?, after: TimeInterval?, for: PolicyName?)

    /// Whether the set takes anything over from the present one, which must then agree with the manifest.
    fileprivate var buildsOnBefore: Bool {
        switch self {
        case .replacement(_, let keeping): keeping != nil
        case .retirement: true
        }
    }

    /// Seconds until all of its effect has come.
    fileprivate var delay: TimeInterval {
        switch self {
        case .replacement(_, let span), .retirement(_, let span, _): span ?? 0
        }
    }
}

/// Operators' changes to policies and reference values. The caller is authorized before.
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
    ///   - document: the policy's TOML text.
    ///   - expected: the precondition (If-Match); `nil` for none.
    /// - Throws: a ``Refusal`` when the policy is not valid, names reference values that do not exist, or the
    ///   precondition does not hold.
    /// - Returns: the stored policy, and whether it replaced one.
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

    /// - Throws: a ``Refusal`` when the policy does not exist.
    public func policy(_ name: PolicyName) async throws -> StoredPolicy {
        guard let stored = try await store.policy(name) else { throw Refusal.noPolicy(name) }
        return stored
    }

    public func policies(after name: String, limit: Int) async throws -> [StoredPolicy] {
        try await store.policies(after: name, limit: limit)
    }

    /// A policy with the reference values that it names.
    ///
    /// - Throws: a ``Refusal`` when the policy does not exist.
    public func policyInForce(_ name: PolicyName) async throws -> PolicyInForce {
        guard let policy = try await store.policyInForce(name) else { throw Refusal.noPolicy(name) }
        return policy
    }

    /// The sets of reference values that a draft names, as far as they exist.
    public func references(of policy: Policy) async throws -> ReferenceValues {
        var references: ReferenceValues = [:]
        for name in policy.referenceNames { references[name] = try await store.references(name)?.set }
        return references
    }

    // MARK: Reference values

    /// Writes a set of reference values, new or in place of the one with its name.
    ///
    /// - Parameter keeping: how long the replaced values stay valid, in seconds, at most; `nil` removes them at once.
    @discardableResult
    public func set(
        _ references: ReferenceValueSet, keeping: TimeInterval? = nil, expecting expected: Revision.Expectation? = nil,
        by actor: Actor
    ) async throws -> (stored: StoredReferenceValues, replaced: Bool) {
        try await change(
            references.name, by: .replacement(references, keeping: keeping), expecting: expected, by: actor)
    }

    /// Writes several sets, all or none, without preconditions.
    public func set(_ references: [ReferenceValueSet], by actor: Actor) async throws {
        for _ in 0..<Self.tries {
            let time = now()
            var settings: [ReferenceSetting] = []
            for set in references {
                settings.append(
                    try setting(
                        try await before(set.name, expecting: nil, buildsOnIt: false), to: set, by: actor, at: time))
            }
            if try await store.set(settings, at: time) != nil { return }
        }
        throw Refusal.isBeingChanged
    }

    /// Adds values to a set, which is made if it does not exist.
    ///
    /// - Parameter details: further members of the trail's record.
    public func add(
        _ values: [ReferenceValue], of kind: ReferenceValueSet.Kind, to name: PolicyName,
        expecting expected: Revision.Expectation? = nil, details: [String: String] = [:], by actor: Actor
    ) async throws -> (stored: StoredReferenceValues, replaced: Bool) {
        try await change(name, expecting: expected, details: details, by: actor) { before, _ in
            guard let before else {
                return try ReferenceValueSet(name: name, kind: kind, values: values, source: "")
            }
            guard kind == before.kind else {
                throw Refusal(
                    .invalidField,
                    "The reference values \(name) are of the kind \(before.kind.rawValue): add values of that kind, or choose "
                        + "another name.")
            }
            return try before.adding(values)
        }
    }

    /// Changes a set of reference values.
    public func change(
        _ name: PolicyName, by edit: ReferenceEdit, expecting expected: Revision.Expectation? = nil, by actor: Actor
    ) async throws -> (stored: StoredReferenceValues, replaced: Bool) {
        try await change(
            name, expecting: expected, buildsOnIt: edit.buildsOnBefore, by: actor, to: try await make(edit, of: name))
    }

    /// A change to a set as a draft, for its impact. Nothing is changed.
    ///
    /// - Throws: a ``Refusal`` when the change would be refused.
    public func draft(_ edit: ReferenceEdit, of name: PolicyName) async throws -> PolicyDraft {
        let time = now()
        let before = try await before(name, expecting: nil, buildsOnIt: edit.buildsOnBefore).set
        let after = try await make(edit, of: name)(before, time).recorded(after: before, by: "", at: time)
        return .references(
            after, policies: try await policies(naming: name), at: time.addingTimeInterval(edit.delay))
    }

    /// The policies that name a set, in the order of their names.
    private func policies(naming name: PolicyName) async throws -> [PolicyInForce] {
        var found: [PolicyInForce] = []
        for stored in try await allPages(by: \.policy.name.text, { try await store.policies(after: $0, limit: $1) })
        where stored.policy.referenceNames.contains(name) {
            if let policy = try await store.policyInForce(stored.policy.name) { found.append(policy) }
        }
        return found
    }

    /// What makes the set after a change from the one before it.
    private func make(
        _ edit: ReferenceEdit, of name: PolicyName
    ) async throws -> (_ before: ReferenceValueSet?, _ time: Date) throws -> ReferenceValueSet {
        switch edit {
        case .replacement(let references, let keeping):
            return { before, time in
                guard let keeping else { return references }
                return try references.keeping(before, until: time.addingTimeInterval(keeping), at: time)
            }
        case .retirement(let values, let span, let successor):
            let other =
                if let successor { try await store.references(successor)?.set } else { nil as ReferenceValueSet? }
            return { before, time in
                guard let before else { throw Refusal.noReferences(name) }
                if let successor, other?.kind != before.kind || successor == name {
                    throw Refusal(
                        .invalidField,
                        "\(successor) cannot supersede \(name): it must be another set that is there, of the kind "
                            + "\(before.kind.rawValue). Set it first.")
                }
                let ending = try values?.map { text throws(Refusal) in try before.kind.bytes(text) }
                return try before.retiring(
                    span == nil ? [] : ending, by: time.addingTimeInterval(span ?? 0), for: successor)
            }
        }
    }

    public func removeReferences(
        _ name: PolicyName, expecting expected: Revision.Expectation? = nil, by actor: Actor
    ) async throws {
        let time = now()
        let record = AuditRecord(.removeReferenceValues, by: actor, details: ["reference_values": name.text], at: time)
        let before = try await before(name, expecting: nil, buildsOnIt: false)
        let change = ReferenceChange(from: before.set, to: nil, by: actor, at: time)
        switch try await store.removeReferences(name, expecting: expected, leaving: change, recording: record) {
        case .done: break
        case .missing: throw Refusal.noReferences(name)
        case .changed: throw Refusal.policyChanged("set of reference values \(name)")
        case .inUse:
            throw Refusal(.inUse, "The reference values \(name) are named by a policy: change the policy first.")
        }
    }

    /// The changes of a set, latest first.
    ///
    /// - Throws: a ``Refusal`` when no set ever had this name.
    public func history(of name: PolicyName, before revision: Revision?, limit: Int) async throws
        -> [StoredReferenceChange]
    {
        let found = try await store.referenceHistory(name, before: revision ?? Revision(.max), limit: limit)
        if found.isEmpty, revision == nil { throw Refusal.noReferences(name) }
        return found
    }

    /// The most attempts: another operator may change the same set meanwhile.
    private static let tries = 5

    /// Reads a set, makes the new one from it, and writes that if the set is unchanged.
    ///
    /// - Parameter buildsOnIt: whether the new set takes anything over. The old one must then agree with the manifest.
    private func change(
        _ name: PolicyName, expecting expected: Revision.Expectation?, buildsOnIt: Bool = true,
        details: [String: String] = [:], by actor: Actor,
        to make: (_ before: ReferenceValueSet?, _ time: Date) throws -> ReferenceValueSet
    ) async throws -> (stored: StoredReferenceValues, replaced: Bool) {
        for _ in 0..<Self.tries {
            let time = now()
            let before = try await before(name, expecting: expected, buildsOnIt: buildsOnIt)
            let setting = try setting(before, to: try make(before.set, time), details, by: actor, at: time)
            if let revision = try await store.set([setting], at: time)?.first {
                return (
                    StoredReferenceValues(set: setting.set, revision: revision, changed: time),
                    before.isThere
                )
            }
            guard expected == nil else { throw Refusal.policyChanged("set of reference values \(name)") }
        }
        throw Refusal.isBeingChanged
    }

    /// The set before a change.
    private struct Before {
        let set: ReferenceValueSet?
        let isThere: Bool
        let expected: Revision.Expectation?
    }

    /// Reads the set before a change. A set that cannot be read, or differs from the manifest, may be replaced as a
    /// whole.
    private func before(
        _ name: PolicyName, expecting expected: Revision.Expectation?, buildsOnIt: Bool
    ) async throws -> Before {
        let stored: StoredReferenceValues?
        do { stored = try await store.references(name) } catch let error
            where !buildsOnIt && !(error is CancellationError || (error as? Refusal)?.code == .unavailable)
        {
            return Before(set: nil, isThere: true, expected: expected)
        }
        if let expected, !expected.holds(for: stored?.revision) {
            throw Refusal.policyChanged("set of reference values \(name)")
        }
        return Before(
            set: stored?.set, isThere: stored != nil,
            expected: stored.map { .revision($0.revision) } ?? Revision.Expectation.none)
    }

    private func setting(
        _ before: Before, to after: ReferenceValueSet, _ details: [String: String] = [:], by actor: Actor, at time: Date
    ) throws -> ReferenceSetting {
        let set = try after.recorded(after: before.set, by: actor.description, at: time)
        guard let change = ReferenceChange(from: before.set, to: set, by: actor, at: time) else {
            throw Refusal.noReferences(set.name)
        }
        return ReferenceSetting(
            set, expecting: before.expected, change,
            recording: .set(set, before.isThere, details, by: actor, at: time))
    }

    /// - Throws: a ``Refusal`` when the set does not exist.
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
        _ references: ReferenceValueSet, _ replaced: Bool, _ details: [String: String], by actor: Actor, at time: Date
    ) -> AuditRecord {
        var record = AuditRecord(.setReferenceValues, by: actor, details: details, at: time)
        record.details["reference_values"] = references.name.text
        record.details["kind"] = references.kind.rawValue
        record.details["count"] = "\(references.values.count)"
        record.details["sha256"] = references.digest
        record.details["source"] = references.source
        record.details["replaced"] = "\(replaced)"
        record.details["expires"] = references.expires.map { RFC3339.text($0) }
        record.details["superseded_by"] = references.supersededBy?.text
        return record
    }
}

extension ReferenceValueSet {
    /// SHA-256 over the values in their text form, one a line, each with the ends of its period if it has any: for the
    /// trail, which has no room for thousands of values.
    fileprivate var digest: String {
        let lines = zip(texts, values).map { text, value in
            let ends = [("from", value.period.from), ("until", value.period.expires)]
            return text + ends.compactMap { word, time in time.map { " \(word) \(RFC3339.text($0))" } }.joined() + "\n"
        }.joined()
        return Hex.encode(SHA256.hash(data: lines.utf8))
    }
}

extension Refusal {
    fileprivate static func policyChanged(_ what: String) -> Refusal {
        Refusal(.preconditionFailed, "The \(what) is not what you last read: read it again, and decide anew.")
    }

    fileprivate static let isBeingChanged = Refusal(
        .unavailable, "These reference values are being changed all the time: try again.", retryAfter: 1)

    fileprivate static func noPolicy(_ name: PolicyName) -> Refusal {
        Refusal(.notFound, "There is no policy \(name).")
    }

    fileprivate static func noReferences(_ name: PolicyName) -> Refusal {
        Refusal(.notFound, "There are no reference values \(name).")
    }
}
