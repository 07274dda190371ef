import Bytes
import Crypto
public import Evidence
public import FoundationEssentials

/// An attempt to attest or to get a resource, as stored: what an operator needs to answer "why was my guest refused?".
public struct RecordedAttempt: Sendable, Hashable {
    /// The row's number, ascending; 0 until it is stored.
    public let id: Int64
    public let time: Date
    /// ``AuditRecord/Action/attest``, or another of the trail's actions.
    public let action: String
    /// The workload's id, which may be unknown, or the resource's path; empty for a guest that attests and names neither.
    public let workload: String
    /// ``TEE/name``; empty when it was refused before any appraisal.
    public let tee: String
    /// The session's id, in hex; logs show its first eight digits.
    public let session: String
    /// The chip's id in hex, unproven unless the verdict is genuine; empty when the host hides it.
    public let chip: String
    /// `nil` when it was accepted.
    public let code: Refusal.Code?
    /// The refusal's sentence, as the guest received it.
    public let sentence: String
    /// `nil` when it was refused before a verdict.
    public let verdict: VerdictRecord?
    /// ``verdict`` as stored; empty without one.
    public let verdictJSON: String
    public let origin: Origin
    /// Repetitions: the same refusal within a minute of the last.
    public let repeats: Repeats
    /// The claims of genuine evidence in JSON, without init data, as sessions store them; otherwise `nil`.
    public let claims: String?

    /// The request's origin; members are empty when unknown.
    public struct Origin: Sendable, Hashable {
        public let address: String
        /// The request id that the request's log lines share.
        public let request: String
        /// The protocol version, as the caller wrote it.
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
        /// The refusal's random id for ``Store/countAgain(_:at:)``, 16 hex digits; empty for accepted attempts.
        public let mark: String
        /// All occurrences, the first included.
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

    /// - Parameters:
    ///   - attempt: `nil` for a refusal from before any appraisal.
    ///   - subject: a resource's path, or the id that a refused caller named; `nil` for the attempt's workload.
    init(
        _ attempt: Attempt?, _ refusal: Refusal?, as action: AuditRecord.Action = .attest, of subject: String? = nil,
        at time: Date
    ) {
        let verdict = attempt?.verdict.map(VerdictRecord.init)
        self.init(
            id: 0, time: time, action: action.rawValue, workload: subject ?? attempt?.workload?.text ?? "",
            tee: attempt?.tee.name ?? "", session: Hex.encode(attempt?.session ?? []), chip: attempt?.chip ?? "",
            code: refusal?.code, sentence: refusal?.sentence ?? "", verdict: verdict,
            verdictJSON: verdict?.json ?? "", origin: Origin(Caller.current),
            repeats: Repeats(mark: refusal == nil ? "" : Hex.encode(SecureRandom.bytes(8))),
            claims: verdict?.genuine == false ? nil : attempt?.claims?.json)
    }

    public var isAccepted: Bool { code == nil }
}
