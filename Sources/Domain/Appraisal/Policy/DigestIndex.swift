import Bytes
public import Evidence

/// An index of the digests in a policy's rules, of any validity: it excludes most guests that the policy refuses without
/// an evaluation, which compares each digest in constant time.
public struct DigestIndex: Sendable {
    private let digests: [GuestTEE: [(term: Term, values: Set<[UInt8]>)]]

    /// - Parameter references: at least the sets that the policy names.
    public init(_ policy: Policy, _ references: ReferenceValues) {
        digests = policy.rules.reduce(into: [:]) { digests, entry in
            let (tee, rules) = entry
            digests[tee] = Vocabulary.of(tee).rules.compactMap { rule in
                guard let term = rule.term, let condition = rules[rule.key] else { return nil }
                let values = condition.references.flatMap { reference in
                    switch reference {
                    case .value(let value): [value]
                    case .set(let name): references[name]?.values.map(\.bytes) ?? []
                    }
                }
                return (term, Set(values))
            }
        }
    }

    /// Whether each rule's digests have the claimed one. If not, the policy refuses the guest.
    public func has(_ claims: Claims) -> Bool {
        digests[claims.tee]?.allSatisfy { $0.values.contains(claims.bytes($0.term) ?? []) } ?? false
    }
}
