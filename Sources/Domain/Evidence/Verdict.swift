import Bytes
import Formats
public import FoundationEssentials

/// One check of evidence: the expected value, the found one, and the outcome.
public struct Check: Sendable, Hashable {
    /// A check's stable name, such as `snp.measurement`: logs, metrics and scripts rely on it.
    /// Each technology's folder lists its own.
    public struct Name: Sendable, Hashable, CustomStringConvertible {
        /// Whether the check proves the evidence, or compares its claims with rules, which counts only for proven
        /// evidence.
        public enum Subject: Sendable, Hashable { case genuineness, acceptability }

        public let text: String
        public let subject: Subject

        init(_ text: String, _ subject: Subject) {
            self.text = text
            self.subject = subject
        }

        public var description: String { text }
    }

    public enum Outcome: String, Sendable, Hashable, Codable, CaseIterable {
        case passed
        case failed
        /// It would have passed, but the evidence that says so is not genuine.
        case unproven
    }

    public let name: Name
    public let expected: Fact
    public let found: Fact
    public internal(set) var outcome: Outcome
    /// What to do about it; only of a failed check.
    public let advice: String?
}

/// A value in a check. It is formatted on demand: an accepted guest costs no formatting.
public enum Fact: Sendable, Hashable, CustomStringConvertible {
    case text(String)
    case bytes([UInt8])
    case number(UInt64)
    case bits(UInt64)
    case tcb(TCBVersion)
    case instant(Date)
    case span(Date, Date)

    public var description: String {
        switch self {
        case .text(let text): text
        case .bytes(let bytes): bytes.isEmpty ? "(nothing)" : Hex.encode(bytes)
        case .number(let number): "\(number)"
        case .bits(let bits): "0x" + String(bits, radix: 16)
        case .tcb(let tcb): tcb.description
        case .instant(let date): Self.format(date)
        case .span(let from, let to): "\(Self.format(from)) to \(Self.format(to))"
        }
    }

    private static func format(_ date: Date) -> String { RFC3339.text(date) }
}

/// The outcome of an appraisal: every check, in order. Only this module makes one.
public struct Verdict: Sendable, Hashable {
    public let checks: [Check]

    init(_ list: CheckList) {
        let genuine = list.checks.allSatisfy { $0.name.subject != .genuineness || $0.outcome == .passed }
        checks =
            genuine
            ? list.checks
            : list.checks.map { check in
                var check = check
                if check.name.subject == .acceptability, check.outcome == .passed { check.outcome = .unproven }
                return check
            }
    }

    /// Whether hardware made the evidence, unchanged.
    public var isGenuine: Bool {
        checks.allSatisfy { $0.name.subject != .genuineness || $0.outcome == .passed }
    }

    /// Whether every check passed. An empty verdict accepts nothing.
    public var isAccepted: Bool { !checks.isEmpty && checks.allSatisfy { $0.outcome == .passed } }

    public var failures: [Check] { checks.filter { $0.outcome == .failed } }

    /// The sentence of a refusal: the first failed check and what to do about it.
    ///
    /// A missing certificate is named last: the other checks would fail with one too.
    public var sentence: String {
        guard let first = failures.first(where: { $0.name != .snpEndorsement }) ?? failures.first else {
            return isAccepted ? "The evidence is accepted." : "There is no evidence."
        }
        let others = failures.count - 1
        let rest = others == 0 ? "" : " (\(others) more \(others == 1 ? "check" : "checks") failed)"
        return "\(first.advice ?? "The check \(first.name) failed.") [\(first.name)]\(rest)"
    }
}

/// The checks of a verification under way.
struct CheckList: Sendable {
    private(set) var checks: [Check]

    init() {
        checks = []
        checks.reserveCapacity(32)
    }

    init(_ checks: [Check]) { self.checks = checks }

    /// Adds a check. The advice is evaluated only if it failed.
    ///
    /// - Returns: whether it passed.
    @discardableResult
    mutating func check(
        _ name: Check.Name, expected: Fact, found: Fact, _ passed: Bool, advice: @autoclosure () -> String
    ) -> Bool {
        checks.append(
            Check(
                name: name, expected: expected, found: found, outcome: passed ? .passed : .failed,
                advice: passed ? nil : advice()))
        return passed
    }

    mutating func append(_ others: [Check]) { checks += others }
}
