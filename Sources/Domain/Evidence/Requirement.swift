/// A policy's requirement on claims, evaluated. It concerns acceptability only: no policy makes evidence genuine.
public struct Requirement: Sendable {
    let check: Check

    /// - Parameter advice: what to do when it is not met. Evaluated only then.
    public init(
        _ name: Check.Name, expected: Fact, found: Fact, isMet: Bool, advice: @autoclosure () -> String
    ) {
        check = Check(
            name: name, expected: expected, found: found, outcome: isMet ? .passed : .failed,
            advice: isMet ? nil : advice())
    }
}

extension Verdict {
    /// The verdict of a policy on proven claims. Without a requirement it accepts nothing.
    public init(of requirements: [Requirement]) {
        self.init(CheckList(requirements.map(\.check)))
    }

    /// The verdict with further requirements on the same evidence: it can only become narrower.
    public func holding(to requirements: [Requirement]) -> Verdict {
        requirements.isEmpty ? self : Verdict(CheckList(checks + requirements.map(\.check)))
    }
}
