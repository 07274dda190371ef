public import Bytes
public import Formats

/// The technologies of guests whose evidence states claims. (``TEE`` lists the technologies of workloads, SEV
/// included.)
public enum GuestTEE: String, Sendable, Hashable, CaseIterable, Codable {
    /// SEV-SNP.
    case snp
    /// No hardware: for trials, where an operator allows it.
    case sample

    /// The terms that its evidence can state.
    public var terms: [Term] {
        switch self {
        case .snp: SNPTerm.all
        case .sample: SampleTerm.all
        }
    }

    /// The terms sorted by name.
    fileprivate var sortedTerms: [Term] {
        switch self {
        case .snp: SNPTerm.sorted
        case .sample: SampleTerm.sorted
        }
    }

    /// The technology's code in a sealed challenge. A code is never reused for another technology.
    public var code: UInt8 {
        switch self {
        case .snp: 0
        case .sample: 1
        }
    }

    public init?(code: UInt8) {
        guard let tee = Self.allCases.first(where: { $0.code == code }) else { return nil }
        self = tee
    }
}

/// A kind of claim: one thing that evidence can state about a guest.
public struct Term: Sendable, Hashable {
    public enum Form: Sendable, Hashable {
        case bytes(count: Int)
        case number
        /// Up to 64 flags.
        case bits
        case text
        /// One of these words.
        case word([String])
        case tcb
    }

    /// A term's meaning across technologies.
    public enum Meaning: Sendable, Hashable {
        /// The software that was launched.
        case measurement
        /// The machine's chip; zeros if the host hides it.
        case chip
        /// Unique to one launch of a guest.
        case launch
        /// Fingerprints of the keys that endorse the evidence, concatenated.
        case endorsers
        /// The processor's generation.
        case product
        /// The cloud provider of the machine.
        case provider
        /// Data chosen by the host at launch and fixed afterwards; zeros if it chose none.
        case hostData
    }

    /// The claim's name in stored claims.
    public let name: ExactText
    public let form: Form
    public let meaning: Meaning?
    /// Whether attestation tokens have it under the same name and in the same form.
    public let isInTokens: Bool

    /// Of the name: each guest's claims are looked up some fifty times.
    private let hash: Int

    init(_ name: ExactText, _ form: Form, _ meaning: Meaning? = nil, isInTokens: Bool = true) {
        (self.name, self.form, self.meaning, self.isInTokens) = (name, form, meaning, isInTokens)
        hash = name.hashValue
    }

    public static func == (a: Term, b: Term) -> Bool { a.name == b.name }
    public func hash(into hasher: inout Hasher) { hasher.combine(hash) }
}

/// The claims of a guest's evidence, by term. A claim that is not stated is absent, and meets no rule.
public struct Claims: Sendable, Hashable {
    public let tee: GuestTEE
    private var facts: [Term: Fact]

    public init(_ tee: GuestTEE, _ facts: [Term: Fact] = [:]) { (self.tee, self.facts) = (tee, facts) }

    public subscript(term: Term) -> Fact? {
        get { facts[term] }
        set { facts[term] = newValue }
    }

    public func bytes(_ term: Term) -> [UInt8]? {
        if case .bytes(let bytes)? = self[term] { bytes } else { nil }
    }

    public func number(_ term: Term) -> UInt64? {
        switch self[term] {
        case .number(let number)?, .bits(let number)?: number
        default: nil
        }
    }

    public func text(_ term: Term) -> ExactText? {
        if case .text(let text)? = self[term] { ExactText(text) } else { nil }
    }

    public func tcb(_ term: Term) -> TCBVersion? {
        if case .tcb(let version)? = self[term] { version } else { nil }
    }

    /// The claims for people, by the names of their terms.
    public var texts: [String: String] {
        facts.reduce(into: [:]) { texts, fact in texts[fact.key.name.text] = fact.value.description }
    }

    /// The claims without those unique to one launch: guests of one image on one machine agree on the rest.
    public var ofEachLaunch: Claims {
        var claims = self
        for term in tee.terms where term.meaning == .launch { claims[term] = nil }
        return claims
    }

    private func bytes(meaning: Term.Meaning) -> [UInt8]? {
        tee.terms.first { $0.meaning == meaning }.flatMap { bytes($0) }
    }

    /// The launch digest; `nil` without hardware that measures it.
    public var measurement: [UInt8]? { bytes(meaning: .measurement) }

    /// The machine's chip id; `nil` if the host hides it, or without hardware.
    public var chip: [UInt8]? { bytes(meaning: .chip).flatMap { $0.isAllZero ? nil : $0 } }

    /// The host's data for this launch; `nil` if not stated.
    public var hostData: [UInt8]? { bytes(meaning: .hostData) }

    private func text(meaning: Term.Meaning) -> String? {
        tee.terms.first { $0.meaning == meaning }.flatMap { text($0)?.text }
    }

    /// The processor's generation, by its vendor's name.
    public var productName: String? { text(meaning: .product) }

    /// The cloud provider of the machine, if a key of that provider endorses the evidence.
    public var provider: String? { text(meaning: .provider) }

    /// The stated versions of the machine's firmware.
    public var firmware: [Term: TCBVersion] {
        tee.terms.filter { $0.form == .tcb }.reduce(into: [:]) { $0[$1] = tcb($1) }
    }

    /// The keys that endorse the evidence, the signing key first; empty for a guest that attested elsewhere.
    public var endorsingKeys: [Endorser] { Endorser.keys(bytes(meaning: .endorsers) ?? []) }

    /// The endorsers that an operator may have denied: the chip, if stated, and the keys of a guest that attested here.
    public var endorsers: [Endorser] {
        (chip.map { [Endorser(chip: $0)] } ?? []) + endorsingKeys
    }
}

/// The stored form of claims.
extension Claims {
    /// - Throws: ``MalformedInput`` if a claim's form is not its term's. Unknown names are ignored.
    public init(_ tee: GuestTEE, _ json: JSON) throws(MalformedInput) {
        self.init(tee)
        for term in tee.terms {
            guard let member = try json.optional(term.name.text) else { continue }
            facts[term] = try term.form.fact(member)
        }
    }

    /// Members sorted by name.
    public var json: JSONValue {
        .object(
            tee.sortedTerms.compactMap { term in
                self[term]?.json.map { JSONValue.Member(term.name.text, $0) }
            })
    }
}

extension Term.Form {
    fileprivate func fact(_ member: JSON) throws(MalformedInput) -> Fact {
        switch self {
        case .bytes:
            guard let bytes = Hex.decode(utf8: try member.utf8()) else { throw member.unfit("hex") }
            return .bytes(bytes)
        case .number: return .number(try member.integer())
        case .bits:
            guard let bits = UInt64(bits: try member.text()) else { throw member.unfit("bits") }
            return .bits(bits)
        case .text: return .text(try member.text())
        case .word(let words):
            let text = try member.text()
            guard words.contains(where: { ExactText($0) == ExactText(text) }) else {
                throw member.unfit("a known name")
            }
            return .text(text)
        case .tcb:
            guard let version = TCBVersion(try member.text()) else { throw member.unfit("a TCB") }
            return .tcb(version)
        }
    }
}

extension Fact {
    /// The value in a claim's form; `nil` for facts that are never claims.
    public var json: JSONValue? {
        switch self {
        case .bytes(let bytes): .text(Hex.encode(bytes))
        case .number(let number): .integer(Int(clamping: number))
        case .text, .bits, .tcb: .text(description)
        case .instant, .span: nil
        }
    }
}

extension UInt64 {
    /// Parses bits in hex with the prefix `0x`.
    public init?(bits text: some StringProtocol) {
        guard text.utf8.starts(with: "0x".utf8), text.utf8.dropFirst(2).first != UInt8(ascii: "+"),
            let bits = UInt64(text.dropFirst(2), radix: 16)
        else { return nil }
        self = bits
    }
}
