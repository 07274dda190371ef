/// An Open Policy Agent that is asked about guests, beside the rules of a policy.
public protocol PolicyAgent: Sendable {
    /// Asks for a decision.
    ///
    /// - Parameter decision: its path, e.g. `policy/allow`.
    /// - Returns: whether the answer was the boolean `true`; anything else is no.
    /// - Throws: a ``Refusal`` (`unavailable`) when the agent cannot be asked. Then nothing is released.
    func allows(_ decision: String, _ question: PolicyQuestion) async throws -> Bool

    /// Gives the agent a module, in Rego, in place of the one with this id.
    ///
    /// - Throws: a ``Refusal``: `invalidField` with the agent's words when the module does not compile.
    func put(module: String, id: String) async throws

    /// - Returns: the module's text, or `nil` when there is none.
    func module(_ id: String) async throws -> String?
}

/// What an agent is told.
public struct PolicyQuestion: Sendable, Hashable {
    /// The claims of the guest's token: a JSON object.
    public let claims: [UInt8]
    /// The segments of what it asks for: `["repository", "type", "tag"]`, or a workload's id alone.
    public let path: [String]
    /// What kind of thing that is: `resource`, or `key` of a workload, whose guests have no token. No rule that was written for one
    /// takes the other's claims for its own.
    public let kind: String

    public init(claims: [UInt8], path: [String]) {
        (self.claims, self.path, kind) = (claims, path, "resource")
    }

    public init(claims: [UInt8], key workload: WorkloadID) {
        (self.claims, path, kind) = (claims, [workload.text], "key")
    }
}
