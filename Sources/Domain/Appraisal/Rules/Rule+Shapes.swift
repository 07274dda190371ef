import Bytes
import Crypto
import Evidence
import Formats
import FoundationEssentials

/// Rules that compare one claim with one condition.
extension Rule {
    /// A rule that a digest is one of the condition's: values, or those of named sets.
    ///
    /// - Parameters:
    ///   - names: the check's names for a registration and for a policy.
    ///   - noun: e.g. `launch measurement`.
    ///   - intro: the beginning of its explanation, e.g. `its launch measurement is`.
    ///   - change: what to do when the guest has another digest.
    static func digests(
        _ key: ExactText, of term: Term, _ kind: ReferenceValueSet.Kind, _ names: (Check.Name, Check.Name),
        noun: String,
        intro: String, pins: Bool = false, meaning: String, change: String
    ) -> Rule {
        Rule(
            key, .digests(kind), pins: pins, of: term, meaning: meaning,
            words: { rules, wording in
                guard case .digests(let list)? = rules[key] else { return nil }
                return "\(intro) \(Wording.either(list.map { wording.describe($0) }))"
            }
        ) { question in
            question.conditions(key).map { condition, owner in
                let wanted = condition.references
                let found = question.claims.bytes(term) ?? []
                let (isMet, faults) = question.holds(found, against: wanted, kind)
                let expected: Fact =
                    if wanted.count == 1, case .value(let value)? = wanted.first {
                        .bytes(value)
                    } else {
                        .text(Wording.either(wanted.map(\.description)))
                    }
                return Requirement(
                    question.name(names.0, names.1), expected: expected, found: .bytes(found), isMet: isMet,
                    advice: advice(noun, change, faults, owner))
            }
        }
    }

    private static func advice(
        _ noun: String, _ change: String, _ faults: [String], _ owner: RuleInput.Owner
    ) -> String {
        guard case .policy(let policy) = owner else { return "The guest is not what was registered: \(change)." }
        return faults.isEmpty
            ? "The guest's \(noun) is not among those of the policy \(policy): \(change)."
            : "The guest's \(noun) is not one that the policy \(policy) accepts now: \(faults.joined(separator: "; "))."
    }

    /// A rule that a claim is one of the condition's values.
    ///
    /// - Parameter advice: receives the condition's owner and the found value.
    static func oneOf(
        _ key: ExactText, of term: Term, _ shape: Shape, _ names: (Check.Name, Check.Name), intro: String,
        meaning: String, advice: @escaping @Sendable (RuleInput.Owner, Fact) -> String
    ) -> Rule {
        Rule(
            key, shape, meaning: meaning,
            words: { rules, _ in rules[key].map { "\(intro) \(Wording.either($0.words))" } }
        ) { question in
            question.conditions(key).map { condition, owner in
                let found = question.claims[term]
                let isMet =
                    switch (condition, found) {
                    case (.texts(let wanted), .text(let text)?): wanted.contains(ExactText(text))
                    case (.bytes(let wanted), .bytes(let bytes)?): wanted.contains(bytes)
                    default: false
                    }
                return Requirement(
                    question.name(names.0, names.1), expected: .text(Wording.either(condition.words)),
                    found: found.stated, isMet: isMet, advice: advice(owner, found.stated))
            }
        }
    }

    /// A rule that a number is at least the condition's.
    static func atLeast(
        _ key: ExactText, of term: Term, _ names: (Check.Name, Check.Name), intro: String, meaning: String,
        advice: @escaping @Sendable (RuleInput.Owner) -> String
    ) -> Rule {
        Rule(
            key, .number(most: UInt64(UInt32.max)), meaning: meaning,
            words: { rules, _ in rules.number(key).map { "\(intro) \($0) or higher" } }
        ) { question in
            question.conditions(key).map { condition, owner in
                let least = condition.number
                return Requirement(
                    question.name(names.0, names.1), expected: .text("\(least) or more"),
                    found: question.claims[term].stated,
                    isMet: question.claims.number(term).map { $0 >= least } ?? false,
                    advice: advice(owner))
            }
        }
    }

    /// The rule that confirms a policy whose other rules pin no guest.
    static func acceptsAny(meaning: String, judge: @escaping @Sendable (RuleInput) -> [Requirement] = { _ in [] })
        -> Rule
    {
        Rule(.acceptsAny, .bool, meaning: meaning, unsaid: "`false`", judge: judge)
    }
}

/// A condition's value by form. A condition in another form, which no reader makes, yields a value that no guest meets.
extension Condition {
    var references: [Reference] { if case .digests(let references) = self { references } else { [] } }
    var values: [[UInt8]] { if case .bytes(let values) = self { values } else { [] } }
    var number: UInt64 { if case .number(let number) = self { number } else { .max } }
    var bits: UInt64 { if case .bits(let bits) = self { bits } else { .max } }
    var table: [ExactText: ExactText] { if case .table(let table) = self { table } else { [:] } }

    /// The values as a policy writes them.
    var words: [String] {
        switch self {
        case .texts(let texts): texts.map(\.text)
        case .bytes(let values): values.map { Hex.encode($0) }
        default: []
        }
    }
}

extension Fact? {
    /// As a check shows it.
    var stated: Fact { self ?? .text("not stated") }
}

extension RuleInput {
    /// Compares a digest with all references, each in constant time.
    ///
    /// - Returns: whether one matches, and why named sets were not used.
    fileprivate func holds(
        _ found: [UInt8], against wanted: [Reference], _ kind: ReferenceValueSet.Kind
    ) -> (isMet: Bool, faults: [String]) {
        var (isMet, faults): (Bool, [String]) = (false, [])
        for reference in wanted {
            switch reference {
            case .value(let value): isMet = equalInConstantTime(value, found) || isMet
            case .set(let name):
                guard let set = references[name] else {
                    faults.append("the reference values @\(name) do not exist: set them, or change the policy")
                    continue
                }
                guard set.kind == kind else {
                    faults.append(
                        "the reference values @\(name) are of the kind \(set.kind.rawValue) and not \(kind.rawValue): "
                            + "name a set of the right kind")
                    continue
                }
                for value in set.values.filter({ equalInConstantTime($0.bytes, found) }) {
                    if let fault = set.fault(of: value, at: time) { faults.append(fault) } else { isMet = true }
                }
            }
        }
        return (isMet, faults)
    }
}

extension Wording {
    fileprivate func describe(_ reference: Reference) -> String {
        guard case .set(let name) = reference, let references else { return reference.description }
        guard let set = references[name] else { return "@\(name) (MISSING: it accepts no guest)" }
        let life = set.life(at: time)
        return set.inForce(at: time).isEmpty ? "@\(name) (\(life): it accepts no guest)" : "@\(name) (\(life))"
    }
}

extension ReferenceValueSet {
    /// Why a matching value is not valid now; `nil` when it is.
    fileprivate func fault(of value: ReferenceValue, at time: Date) -> String? {
        switch value.period.state(at: time) {
        case .inForce: nil
        case .notYet(let from):
            "the reference values @\(name), which have it, are valid from \(RFC3339.text(from)): wait, or set them with "
                + "an earlier time"
        case .over(let end):
            "the reference values @\(name), which have it, expired on \(RFC3339.text(end)): "
                + (supersededBy.map { "launch the guest from what @\($0) stands for, or set them with a later time" }
                    ?? "see whether they are still good, and set them with a later time")
        }
    }
}
