/// Something that a policy asks of what evidence claims, and whether the claims have it.
///
/// It is always about acceptability: no policy makes evidence genuine.
public struct Requirement: Sendable {
    let check: Check

    /// - Parameter advice: what the reader can do about it. It is made only when the claims fall short.
    public init(
        _ name: Check.Name, expected: Fact, found: Fact, isMet: Bool, advice: @autoclosure () -> String
    ) {
        check = Check(
            name: name, expected: expected, found: found, outcome: isMet ? .passed : .failed,
            advice: isMet ? nil : advice())
    }
}

extension Verdict {
    /// What a policy says of claims that were proven before. Without a requirement it accepts nothing.
    public init(of requirements: [Requirement]) {
        self.init(CheckList(requirements.map(\.check)))
    }

    /// This verdict and more requirements on the same evidence. It can only become narrower.
    public func holding(to requirements: [Requirement]) -> Verdict {
        requirements.isEmpty ? self : Verdict(CheckList(checks + requirements.map(\.check)))
    }
}
