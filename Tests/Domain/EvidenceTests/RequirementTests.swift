import Evidence
import Testing

@Suite("Requirements of policies")
struct RequirementTests {
    private func requirement(_ isMet: Bool) -> Requirement {
        Requirement(
            .policyTechnology, expected: .text("snp"), found: .text(isMet ? "snp" : "sample"), isMet: isMet,
            advice: "Take another.")
    }

    @Test("Without a requirement nothing is accepted")
    func none() { #expect(!Verdict(of: []).isAccepted) }

    @Test("All requirements must be met, and one that is not has its advice")
    func all() {
        #expect(Verdict(of: [requirement(true)]).isAccepted)
        let verdict = Verdict(of: [requirement(true), requirement(false)])
        #expect(!verdict.isAccepted && verdict.failures.count == 1)
        #expect(verdict.sentence == "Take another. [policy.tee]")
    }

    @Test("What is added to a verdict narrows it, and never widens it")
    func narrowing() {
        let accepted = Verdict(of: [requirement(true)])
        #expect(accepted.holding(to: [requirement(true)]).isAccepted)
        #expect(!accepted.holding(to: [requirement(false)]).isAccepted)
        #expect(!Verdict(of: [requirement(false)]).holding(to: [requirement(true)]).isAccepted)
    }
}
