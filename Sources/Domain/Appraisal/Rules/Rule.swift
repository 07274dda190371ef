public import Bytes
public import Evidence
public import FoundationEssentials

/// A rule that a policy can have for a technology's guests: how it is written, explained and evaluated.
public struct Rule: Sendable {
    /// The rule's key in a policy.
    public let key: ExactText
    let shape: Shape
    /// Whether it restricts guests to certain software. Host data do not (the host chooses them), nor family and image
    /// ids (anyone can sign an ID block).
    let pins: Bool
    /// The default condition of a policy without the rule. It is stored with the policy.
    let usual: Condition?
    /// Whether only the server's settings can have it.
    let isSetting: Bool
    /// The claim that a rule of digests compares; `nil` for other rules.
    let term: Term?
    /// Its description in docs/policies.md, which continues "a guest must".
    package let meaning: String
    /// The default's description in docs/policies.md.
    package let unsaid: String
    /// Evaluates the rule.
    let judge: @Sendable (RuleInput) -> [Requirement]
    /// The explanation for a policy's rules; `nil` when there is nothing to explain.
    let words: @Sendable (Rules, Wording) -> String?

    init(
        _ key: ExactText, _ shape: Shape, pins: Bool = false, usual: Condition? = nil, isSetting: Bool = false,
        of term: Term? = nil, meaning: String, unsaid: String = "",
        words: @escaping @Sendable (Rules, Wording) -> String? = { _, _ in nil },
        judge: @escaping @Sendable (RuleInput) -> [Requirement] = { _ in [] }
    ) {
        (self.key, self.shape, self.pins, self.usual, self.isSetting) = (key, shape, pins, usual, isSetting)
        (self.meaning, self.words, self.judge) = (meaning, words, judge)
        (self.term, self.unsaid) = (term, unsaid)
    }
}

/// The rules of one technology, in the order of evaluation: the one list by which policies are read, checked, stored,
/// explained and evaluated.
public struct Vocabulary: Sendable {
    public let tee: GuestTEE
    /// The technology's name in sentences.
    let name: String
    public let rules: [Rule]
    /// The warning of `kbs policy explain` for any policy with the technology; `nil` for none.
    var danger: String? = nil
    /// The refusal's sentence for guests of the technology when the server does not accept it.
    public let advice: String
    /// How firmware is compared with a floor; `nil` without floors.
    var firmware: Firmware? = nil
    /// A contradiction between rules that are each valid; `nil` when there is none.
    var fault: @Sendable (Rules) -> (key: ExactText, problem: String)? = { _ in nil }
    /// The server's rules that can be evaluated on evidence without an endorsement.
    var decidable: @Sendable (Rules, Claims) -> Rules = { rules, _ in rules }

    /// The one list.
    public static let all: [Vocabulary] = GuestTEE.allCases.map(of)

    /// A technology's vocabulary.
    public static func of(_ tee: GuestTEE) -> Vocabulary {
        switch tee {
        case .snp: .snp
        case .sample: .sample
        }
    }

    /// The kinds of digests that its rules compare.
    var kinds: [ReferenceValueSet.Kind] {
        rules.compactMap { if case .digests(let kind) = $0.shape { kind } else { nil } }
    }

    /// The claim that digests of a kind are compared with; `nil` when the technology's evidence states none.
    public func term(of kind: ReferenceValueSet.Kind) -> Term? {
        rules.first { if case .digests(kind) = $0.shape { true } else { false } }?.term
    }

    /// The rules that a policy can have.
    var written: [Rule] { rules.filter { !$0.isSetting } }

    /// The table of rules in docs/policies.md.
    package var table: String {
        written.reduce(into: "| key | a guest must | default |\n| --- | --- | --- |\n") { table, rule in
            let isTable = if case .table = rule.shape { true } else { false }
            let key = isTable ? "[\(tee.rawValue).\(rule.key)]" : rule.key.text
            table += "| `\(key)` | \(rule.meaning) | \(rule.unsaid) |\n"
        }
    }

    /// The default conditions.
    public var usual: Rules { Rules(rules.reduce(into: [:]) { $0[$1.key] = $1.usual }) }

    /// Whether a policy's rules restrict guests to certain software.
    func pinsGuest(_ rules: Rules) -> Bool { self.rules.contains { $0.pins && rules[$0.key] != nil } }
}

/// Conditions by the key of their rule: a policy's for one technology, a registration's, the server's settings.
public struct Rules: Sendable, Hashable {
    private var conditions: [ExactText: Condition]

    public init(_ conditions: [ExactText: Condition] = [:]) { self.conditions = conditions }

    public subscript(key: ExactText) -> Condition? {
        get { conditions[key] }
        set { conditions[key] = newValue }
    }

    /// The keys with a condition, sorted.
    var keys: [ExactText] { conditions.keys.sorted() }

    func bits(_ key: ExactText) -> UInt64? { if case .bits(let bits)? = self[key] { bits } else { nil } }
    func number(_ key: ExactText) -> UInt64? { if case .number(let number)? = self[key] { number } else { nil } }
    func bool(_ key: ExactText) -> Bool? { if case .bool(let bool)? = self[key] { bool } else { nil } }
    func texts(_ key: ExactText) -> [ExactText]? { if case .texts(let texts)? = self[key] { texts } else { nil } }
}

/// Claims to be evaluated: on the server's settings, which hold for all guests, and on the rules of a registration or a
/// policy.
public struct RuleInput: Sendable {
    /// The owner of the rules beside the server's. It decides the names of checks: `snp.vmpl` for a registration,
    /// `policy.vmpl` for a policy.
    public enum Origin: Sendable, Hashable {
        case registration
        case policy(PolicyName)
    }

    /// The owner of a condition.
    enum Owner {
        case server
        case registration
        case policy(PolicyName)
    }

    let claims: Claims
    let origin: Origin
    let own: Rules
    let server: Rules
    let references: ReferenceValues
    let time: Date

    public init(
        _ claims: Claims, origin: Origin, own: Rules, server: Rules, references: ReferenceValues = [:], at time: Date
    ) {
        (self.claims, self.origin, self.own, self.server) = (claims, origin, own, server)
        (self.references, self.time) = (references, time)
    }

    /// The requirements of all rules that the server, the registration or the policy has.
    public var requirements: [Requirement] {
        let rules = Vocabulary.of(claims.tee).rules
        // A loop over the rules themselves would copy each.
        return rules.indices.reduce(into: []) { $0 += rules[$1].judge(self) }
    }

    /// The conditions under a key, all of which must hold.
    func conditions(_ key: ExactText) -> [(condition: Condition, owner: Owner)] {
        let owner: Owner =
            switch origin {
            case .registration: .registration
            case .policy(let name): .policy(name)
            }
        return [(own[key], owner), (server[key], .server)].compactMap { condition, owner in
            condition.map { ($0, owner) }
        }
    }

    /// - Parameters:
    ///   - registered: the check's name for the server's settings and a registration.
    ///   - policy: the check's name for a policy.
    func name(_ registered: Check.Name, _ policy: Check.Name) -> Check.Name {
        if case .registration = origin { registered } else { policy }
    }
}

extension RuleInput.Owner {
    var isServer: Bool { if case .server = self { true } else { false } }

    /// The owner within a sentence, and at its beginning.
    var whose: String { named(the: "the", this: "this") }
    var subject: String { named(the: "The", this: "This") }

    private func named(the: String, this: String) -> String {
        switch self {
        case .server: "\(this) server"
        case .registration: "\(the) registration"
        case .policy(let name): "\(the) policy \(name)"
        }
    }

    /// The place of a condition, for advice: `snp.csp_ids`, `the policy web's csp_ids`.
    func place(_ key: String, of tee: GuestTEE) -> String {
        switch self {
        case .server: "\(tee.rawValue).\(key)"
        case .registration: "the registration"
        case .policy(let name): "the policy \(name)'s \(key)"
        }
    }
}

/// The context of rules' explanations.
public struct Wording: Sendable {
    /// The existing sets; `nil` where sets cannot be looked up.
    let references: ReferenceValues?
    let time: Date

    static func either(_ list: some Sequence<String>) -> String { list.joined(separator: " or ") }
}
