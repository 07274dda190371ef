/// A refusal: a stable code for programs, and a sentence that says what to do.
///
/// The only errors that a client may see. A dialect encodes them in its own form.
public struct Refusal: Error, Sendable, Hashable, CustomStringConvertible {
    /// Stable names: clients, logs and metrics rely on them. docs/refusals.md explains each.
    public enum Code: String, Sendable, Hashable, CaseIterable {
        /// The request cannot be read.
        case malformed
        /// A field has a value that cannot be used.
        case invalidField = "invalid_field"
        /// The caller may not do this from there.
        case registrationForbidden = "registration_forbidden"
        /// The workload is registered and may not be replaced.
        case workloadExists = "workload_exists"
        /// A resource has this name and may not be replaced, or not by a workload.
        case resourceExists = "resource_exists"
        case workloadUnknown = "workload_unknown"
        /// An operator has disabled the workload.
        case workloadDisabled = "workload_disabled"
        /// A precondition (If-Match, If-None-Match) does not hold.
        case preconditionFailed = "precondition_failed"
        /// The request has no credentials, or none that are valid.
        case unauthenticated
        /// The caller's role does not allow it.
        case forbidden
        /// The name is unknown.
        case notFound = "not_found"
        /// Other objects refer to it.
        case inUse = "in_use"
        /// The workload is registered for another technology.
        case technologyMismatch = "tee_mismatch"
        /// The evidence came without a challenge of this server.
        case challengeInvalid = "challenge_invalid"
        case challengeExpired = "challenge_expired"
        /// The challenge has been answered before.
        case challengeUsed = "challenge_used"
        /// The workload was registered again, or removed, since the challenge.
        case workloadChanged = "workload_changed"
        /// The evidence is not genuine or not what was registered.
        case evidenceRefused = "evidence_refused"
        /// No source has the certificate that would prove the evidence.
        case endorsementUnavailable = "endorsement_unavailable"
        /// No attested session.
        case sessionInvalid = "session_invalid"
        /// There is no such key, or it is another workload's.
        case keyUnknown = "key_unknown"
        /// The resource's policy does not give it to this guest.
        case policyRefused = "policy_refused"
        /// An operator has disabled the resource.
        case resourceDisabled = "resource_disabled"
        /// The caller's address makes too many requests.
        case rateLimited = "rate_limited"
        /// Too many verifications are waiting.
        case overloaded
        /// The server cannot answer now: the database, for one, is down.
        case unavailable
    }

    public let code: Code
    public let sentence: String
    /// The time to wait before another try, in seconds.
    public let retryAfter: Int?
    /// Whether clients meet it in normal operation: they ask before they have attested.
    public let isOrdinary: Bool

    public init(_ code: Code, _ sentence: String, retryAfter: Int? = nil, isOrdinary: Bool = false) {
        self.code = code
        self.sentence = sentence
        self.retryAfter = retryAfter
        self.isOrdinary = isOrdinary
    }

    public var description: String { "\(code.rawValue): \(sentence)" }
}
