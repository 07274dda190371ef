import Evidence

/// The rules for guests without hardware: none that restricts them.
extension Vocabulary {
    static let sample = Vocabulary(
        tee: .sample, name: "a sample",
        rules: [
            .acceptsAny(
                meaning:
                    "nothing, and `true` must stand there: a sample has no hardware, and states nothing that counts"
            ) { question in
                guard case .policy(let policy) = question.origin, question.own.bool(.acceptsAny) != true
                else { return [] }
                return [
                    Requirement(
                        .policyMeasurement, expected: .text("a guest with hardware behind it"),
                        found: .text("a sample"),
                        isMet: false,
                        advice: "The policy \(policy) does not say that it takes any sample: write "
                            + "accepts_any_measurement = true in its table [sample].")
                ]
            }
        ],
        danger: "samples get in. They have no hardware behind them: anyone can make one up.",
        advice:
            "This server takes no samples, behind which there is no hardware, whatever a policy says: run the guest on "
            + "SEV-SNP.")
}
