public import Evidence
public import Foundation

/// An attempt to attest as it is kept: what an operator needs to answer "why was my guest refused?".
public struct RecordedAttempt: Sendable, Hashable {
    /// Counts up. 0 until it is kept.
    public let id: Int64
    public let time: Date
    public let workload: String
    public let tee: TEE
    /// The session's id, in hex; logs show its first eight digits.
    public let session: String
    /// In hex; a claim unless the verdict is genuine. Empty when hidden.
    public let chip: String
    /// `nil` when it was accepted.
    public let code: Refusal.Code?
    /// What the guest was told.
    public let sentence: String
    /// `nil` when it did not come to one.
    public let verdict: VerdictRecord?
    /// The same as it is kept, or the empty text.
    public let verdictJSON: String

    public init(
        id: Int64, time: Date, workload: String, tee: TEE, session: String, chip: String, code: Refusal.Code?,
        sentence: String, verdict: VerdictRecord?, verdictJSON: String
    ) {
        self.id = id
        self.time = time
        self.workload = workload
        self.tee = tee
        self.session = session
        self.chip = chip
        self.code = code
        self.sentence = sentence
        self.verdict = verdict
        self.verdictJSON = verdictJSON
    }

    init(_ attempt: Attempt, _ refusal: Refusal?, at time: Date) {
        let verdict = attempt.verdict.map(VerdictRecord.init)
        self.init(
            id: 0, time: time, workload: attempt.workload.text, tee: attempt.tee,
            session: Hex.encode(attempt.challenge),
            chip: attempt.chip, code: refusal?.code, sentence: refusal?.sentence ?? "",
            verdict: verdict, verdictJSON: verdict?.json ?? "")
    }

    public var isAccepted: Bool { code == nil }
}
