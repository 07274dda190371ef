import Bytes
public import Evidence
public import FoundationEssentials

/// An attempt to attest, or to get a resource, as it is kept: what an operator needs to answer "why was my guest
/// refused?".
public struct RecordedAttempt: Sendable, Hashable {
    /// Counts up. 0 until it is kept.
    public let id: Int64
    public let time: Date
    /// What was attempted: ``AuditRecord/Action/attest``, or another of the trail's actions.
    public let action: String
    /// The workload's id or the resource's path; empty for a guest that attests without saying what it wants.
    public let workload: String
    /// ``TEE`` or ``GuestTEE``.
    public let tee: String
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
        id: Int64, time: Date, action: String, workload: String, tee: String, session: String, chip: String,
        code: Refusal.Code?,
        sentence: String, verdict: VerdictRecord?, verdictJSON: String
    ) {
        self.id = id
        self.time = time
        self.action = action
        self.workload = workload
        self.tee = tee
        self.session = session
        self.chip = chip
        self.code = code
        self.sentence = sentence
        self.verdict = verdict
        self.verdictJSON = verdictJSON
    }

    init(_ attempt: Attempt, _ refusal: Refusal?, as action: AuditRecord.Action = .attest, at time: Date) {
        self.init(
            action, of: attempt.workload.text, tee: attempt.tee.rawValue, session: attempt.challenge,
            chip: attempt.chip, attempt.verdict, refusal, at: time)
    }

    /// - Parameter subject: the path of the resource that was asked for.
    init(
        _ attempt: GuestAttempt, _ refusal: Refusal?, as action: AuditRecord.Action = .attest, of subject: String = "",
        at time: Date
    ) {
        self.init(
            action, of: subject, tee: attempt.tee.rawValue, session: attempt.guest, chip: attempt.chip, attempt.verdict,
            refusal, at: time)
    }

    private init(
        _ action: AuditRecord.Action, of subject: String, tee: String, session: [UInt8], chip: String,
        _ verdict: Verdict?, _ refusal: Refusal?, at time: Date
    ) {
        let verdict = verdict.map(VerdictRecord.init)
        self.init(
            id: 0, time: time, action: action.rawValue, workload: subject, tee: tee, session: Hex.encode(session),
            chip: chip, code: refusal?.code, sentence: refusal?.sentence ?? "", verdict: verdict,
            verdictJSON: verdict?.json ?? "")
    }

    public var isAccepted: Bool { code == nil }
}
