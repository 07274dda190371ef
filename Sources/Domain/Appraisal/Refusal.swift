/// Why something was not done: a stable code for programs, and a sentence that says what to do.
///
/// The one vocabulary of errors that a client may see. A dialect turns it into its own form.
public struct Refusal: Error, Sendable, Hashable, CustomStringConvertible {
    /// Stable: clients, logs and metrics rely on it. docs/refusals.md lists what each means.
    public enum Code: String, Sendable, Hashable, CaseIterable {
        /// The request cannot be read.
        case malformed
        /// A field of a registration has a value that cannot be used.
        case invalidField = "invalid_field"
        /// The caller may not do this from there.
        case registrationForbidden = "registration_forbidden"
        /// The workload is registered and may not be replaced.
        case workloadExists = "workload_exists"
        /// There is a resource of this name, and it may not be replaced, or not by a workload.
        case resourceExists = "resource_exists"
        case workloadUnknown = "workload_unknown"
        /// The operator has disabled the workload for now.
        case workloadDisabled = "workload_disabled"
        /// The workload is another than the caller expected.
        case preconditionFailed = "precondition_failed"
        /// No credentials came with the request, or not usable ones.
        case unauthenticated
        /// The caller's role does not allow it.
        case forbidden
        /// There is nothing under that name.
        case notFound = "not_found"
        /// Something else depends on it.
        case inUse = "in_use"
        /// The workload is registered for another technology.
        case technologyMismatch = "tee_mismatch"
        /// No challenge came with the evidence, or not one that this server made.
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
        /// The operator has disabled the resource for now.
        case resourceDisabled = "resource_disabled"
        /// The caller's address makes too many requests.
        case rateLimited = "rate_limited"
        /// More evidence waits to be verified than the server takes on.
        case overloaded
        /// The server cannot do its work now.
        case unavailable
    }

    public let code: Code
    public let sentence: String
    /// How long the caller should wait before it tries again, in seconds.
    public let retryAfter: Int?
    /// Whether ordinary clients meet it in the normal course of things: they ask first, and attest when they are told to.
    public let isOrdinary: Bool

    public init(_ code: Code, _ sentence: String, retryAfter: Int? = nil, isOrdinary: Bool = false) {
        self.code = code
        self.sentence = sentence
        self.retryAfter = retryAfter
        self.isOrdinary = isOrdinary
    }

    public var description: String { "\(code.rawValue): \(sentence)" }
}
