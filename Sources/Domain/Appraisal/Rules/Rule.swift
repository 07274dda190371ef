public import Bytes
public import Evidence
public import FoundationEssentials

/// One thing that a policy can ask of a technology's guests: how it is written, what it means, and how claims are held
/// against it.
public struct Rule: Sendable {
    /// As a policy writes it.
    public let key: ExactText
    let shape: Shape
    /// Whether it asks for something that only certain guests can show. What a host chooses (host data), or anyone who
    /// signs an ID block (family and image ids), is not that.
    let pins: Bool
    /// What a policy has that does not say otherwise. It is kept with the policy.
    let usual: Condition?
    /// Whether only the server's settings have it.
    let isSetting: Bool
    /// What a rule of digests is held against.
    let term: Term?
    /// For docs/policies.md: goes on after "a guest must".
    package let meaning: String
    /// For the same: what holds where a policy does not say otherwise.
    package let unsaid: String
    /// Holds claims against the rule.
    let judge: @Sendable (Question) -> [Requirement]
    /// In plain English, for the rules of a policy; `nil` when there is nothing to say.
    let words: @Sendable (Rules, Wording) -> String?

    init(
        _ key: ExactText, _ shape: Shape, pins: Bool = false, usual: Condition? = nil, isSetting: Bool = false,
        of term: Term? = nil, meaning: String, unsaid: String = "",
        words: @escaping @Sendable (Rules, Wording) -> String? = { _, _ in nil },
        judge: @escaping @Sendable (Question) -> [Requirement] = { _ in [] }
    ) {
        (self.key, self.shape, self.pins, self.usual, self.isSetting) = (key, shape, pins, usual, isSetting)
        (self.meaning, self.words, self.judge) = (meaning, words, judge)
        (self.term, self.unsaid) = (term, unsaid)
    }
}

/// The rules of one technology, in the order in which they are looked at: the one list from which policies are read,
/// checked, kept, explained and evaluated.
public struct Vocabulary: Sendable {
    public let tee: GuestTEE
    /// For people.
    let name: String
    public let rules: [Rule]
    /// Why `kbs policy explain` warns of any policy for it.
    var danger: String? = nil
    /// What a guest is told whose technology the server does not take.
    public let advice: String
    /// How the firmware of its machines is held to a floor; `nil` where it is not.
    var firmware: Firmware? = nil
    /// What is wrong with rules that are each right; `nil` when nothing is.
    var fault: @Sendable (Rules) -> (key: ExactText, problem: String)? = { _ in nil }
    /// Those rules of the server's that can be decided of evidence that nothing vouches for yet.
    var decidable: @Sendable (Rules, Claims) -> Rules = { rules, _ in rules }

    /// The one list.
    public static let all: [Vocabulary] = [.snp, .sample]

    /// Every technology has one: a test sees to it.
    public static func of(_ tee: GuestTEE) -> Vocabulary { all.first { $0.tee == tee } ?? .sample }

    /// Those of the digests that its rules ask for.
    var kinds: [ReferenceValueSet.Kind] {
        rules.compactMap { if case .digests(let kind) = $0.shape { kind } else { nil } }
    }

    /// The claim that digests of a kind are held against; nil where evidence of this technology states none.
    public func term(of kind: ReferenceValueSet.Kind) -> Term? {
        rules.first { if case .digests(kind) = $0.shape { true } else { false } }?.term
    }

    /// What a policy can write.
    var written: [Rule] { rules.filter { !$0.isSetting } }

    /// As docs/policies.md has it.
    package var table: String {
        written.reduce(into: "| key | a guest must | default |\n| --- | --- | --- |\n") { table, rule in
            let isTable = if case .table = rule.shape { true } else { false }
            let key = isTable ? "[\(tee.rawValue).\(rule.key)]" : rule.key.text
            table += "| `\(key)` | \(rule.meaning) | \(rule.unsaid) |\n"
        }
    }

    /// The rules of a policy that says nothing.
    public var usual: Rules { Rules(rules.reduce(into: [:]) { $0[$1.key] = $1.usual }) }

    /// Whether it asks for something that only certain guests can show.
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

    /// Those keys that have a condition.
    var keys: [ExactText] { conditions.keys.sorted() }

    func bits(_ key: ExactText) -> UInt64? { if case .bits(let bits)? = self[key] { bits } else { nil } }
    func number(_ key: ExactText) -> UInt64? { if case .number(let number)? = self[key] { number } else { nil } }
    func bool(_ key: ExactText) -> Bool? { if case .bool(let bool)? = self[key] { bool } else { nil } }
    func texts(_ key: ExactText) -> [ExactText]? { if case .texts(let texts)? = self[key] { texts } else { nil } }
}

/// Claims, and what they are held against: the server's settings, which hold for everybody, and the rules of a
/// registration or a policy.
public struct Question: Sendable {
    /// Whose rules come beside the server's. It names the checks: `snp.vmpl` of a registration, `policy.vmpl` of a policy.
    public enum Origin: Sendable, Hashable {
        case registration
        case policy(PolicyName)
    }

    /// Who has set a condition.
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

    /// One for each rule that is asked for, by the policy or by the server.
    public var requirements: [Requirement] { Vocabulary.of(claims.tee).rules.flatMap { $0.judge(self) } }

    /// Those under a key, all of which hold.
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
    ///   - registered: what a check of the server's settings and of a registration is called.
    ///   - policy: what it is called once a policy is asked.
    func name(_ registered: Check.Name, _ policy: Check.Name) -> Check.Name {
        if case .registration = origin { registered } else { policy }
    }
}

extension Question.Owner {
    var isServer: Bool { if case .server = self { true } else { false } }

    /// In a sentence, and at the beginning of one.
    var whose: String { named(the: "the", this: "this") }
    var subject: String { named(the: "The", this: "This") }

    private func named(the: String, this: String) -> String {
        switch self {
        case .server: "\(this) server"
        case .registration: "\(the) registration"
        case .policy(let name): "\(the) policy \(name)"
        }
    }

    /// Where a condition stands, so that it can be changed: `snp.csp_ids`, `the policy web's csp_ids`.
    func place(_ key: String, of tee: GuestTEE) -> String {
        switch self {
        case .server: "\(tee.rawValue).\(key)"
        case .registration: "the registration"
        case .policy(let name): "the policy \(name)'s \(key)"
        }
    }
}

/// For the words of rules.
public struct Wording: Sendable {
    /// The sets that are there; `nil` where none can be looked up.
    let references: ReferenceValues?
    let time: Date

    static func either(_ list: some Sequence<String>) -> String { list.joined(separator: " or ") }
}
