import Bytes
import Crypto
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
    /// ``TEE/name``; empty when nothing was looked at.
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
    public let origin: Origin
    /// How often the same came again within a minute of the last time.
    public let repeats: Repeats
    /// What the guest's evidence states, without its init data; `nil` when it is not genuine, or there was none. JSON, as
    /// sessions keep it.
    public let claims: String?

    /// Where it came from, as far as that is known.
    public struct Origin: Sendable, Hashable {
        public let address: String
        /// What its lines in the log have in common.
        public let request: String
        /// The version of the protocol, as the caller wrote it.
        public let version: String

        public init(address: String = "", request: String = "", version: String = "") {
            self.address = address
            self.request = request
            self.version = version
        }

        init(_ caller: Caller?) {
            self.init(address: caller?.address ?? "", request: caller?.request ?? "", version: caller?.version ?? "")
        }
    }

    public struct Repeats: Sendable, Hashable {
        /// Names a refusal for ``Store/countAgain(_:at:)``; empty for what was accepted.
        public let mark: String
        /// With the first.
        public let count: Int
        public let last: Date?

        public init(mark: String, count: Int = 1, last: Date? = nil) {
            self.mark = mark
            self.count = count
            self.last = last
        }
    }

    public init(
        id: Int64, time: Date, action: String, workload: String, tee: String, session: String, chip: String,
        code: Refusal.Code?, sentence: String, verdict: VerdictRecord?, verdictJSON: String,
        origin: Origin = Origin(), repeats: Repeats = Repeats(mark: ""), claims: String? = nil
    ) {
        self.claims = claims.flatMap { $0.isEmpty ? nil : $0 }
        self.origin = origin
        self.repeats = repeats
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

    /// - Parameter subject: what was asked for, if that was no workload.
    init(
        _ attempt: Attempt, _ refusal: Refusal?, as action: AuditRecord.Action = .attest, of subject: String? = nil,
        at time: Date
    ) {
        self.init(
            action, of: subject ?? attempt.workload?.text ?? "", tee: attempt.tee.name, session: attempt.session,
            chip: attempt.chip, attempt.verdict, refusal, attempt.claims, at: time)
    }

    private init(
        _ action: AuditRecord.Action, of subject: String, tee: String, session: [UInt8], chip: String,
        _ verdict: Verdict?, _ refusal: Refusal?, _ claims: GuestClaims? = nil, at time: Date
    ) {
        let verdict = verdict.map(VerdictRecord.init)
        self.init(
            id: 0, time: time, action: action.rawValue, workload: subject, tee: tee, session: Hex.encode(session),
            chip: chip, code: refusal?.code, sentence: refusal?.sentence ?? "", verdict: verdict,
            verdictJSON: verdict?.json ?? "", origin: Origin(Caller.current),
            repeats: Repeats(mark: refusal == nil ? "" : Hex.encode(SecureRandom.bytes(8))),
            claims: verdict?.genuine == false ? nil : claims?.json)
    }

    /// What was refused before any evidence was looked at.
    init(_ refusal: Refusal, as action: AuditRecord.Action, at time: Date) {
        self.init(action, of: "", tee: "", session: [], chip: "", nil, refusal, at: time)
    }

    public var isAccepted: Bool { code == nil }
}
