import Bytes
import Crypto
import Evidence
import FoundationEssentials

/// A rule that a digest must be one of some: values themselves, or those of named sets.
struct DigestRule {
    struct Context {
        let policy: PolicyName
        let references: ReferenceValues
        let time: Date
    }

    private let check: Check.Name
    private let kind: ReferenceValueSet.Kind
    private let noun: String
    private let wanted: [ResourcePolicy.Reference]?
    /// What to do when the guest has another one.
    private let change: String

    init(
        _ check: Check.Name, of kind: ReferenceValueSet.Kind, _ noun: String, _ wanted: [ResourcePolicy.Reference]?,
        change: String
    ) {
        self.check = check
        self.kind = kind
        self.noun = noun
        self.wanted = wanted
        self.change = change
    }

    /// - Returns: `nil` when the policy does not ask.
    func requirement(on found: [UInt8], _ context: Context) -> Requirement? {
        guard let wanted else { return nil }
        var isMet = false
        /// Why sets do not count that the policy names.
        var faults: [String] = []
        for reference in wanted {
            switch reference {
            case .value(let value): isMet = Self.contains([value], found) || isMet
            case .set(let name):
                guard let set = context.references[name] else {
                    faults.append("the reference values @\(name) are not there: set them, or change the policy")
                    continue
                }
                guard set.kind == kind else {
                    faults.append(
                        "the reference values @\(name) are of the kind \(set.kind.rawValue) and not \(kind.rawValue): "
                            + "name a set of the right kind")
                    continue
                }
                let isMatch = Self.contains(set.values, found)
                if let expires = set.expires, expires <= context.time {
                    if isMatch {
                        faults.append(
                            "the reference values @\(name), which have it, expired on \(expires.formatted(.iso8601)): "
                                + "see whether they are still good, and set them with a later time")
                    }
                    continue
                }
                isMet = isMatch || isMet
            }
        }
        let policy = context.policy
        return Requirement(
            check, expected: Self.fact(wanted), found: .bytes(found), isMet: isMet,
            advice: faults.isEmpty
                ? "The guest's \(noun) is none that the policy \(policy) names: \(change)."
                : "The guest's \(noun) is none that the policy \(policy) accepts now; \(faults.joined(separator: "; "))."
        )
    }

    /// Looks at all of them, each in constant time.
    private static func contains(_ values: [[UInt8]], _ found: [UInt8]) -> Bool {
        values.reduce(false) { equalInConstantTime($1, found) || $0 }
    }

    private static func fact(_ wanted: [ResourcePolicy.Reference]) -> Fact {
        if wanted.count == 1, case .value(let value)? = wanted.first { return .bytes(value) }
        return .text(wanted.map(\.description).joined(separator: " or "))
    }
}

extension ResourcePolicy.Reference: CustomStringConvertible {
    /// As a policy writes it.
    public var description: String {
        switch self {
        case .value(let value): Hex.encode(value)
        case .set(let name): "@\(name)"
        }
    }
}
