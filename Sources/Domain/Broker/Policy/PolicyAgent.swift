/// An Open Policy Agent, which policies with an `agent_decision` ask after their own rules.
public protocol PolicyAgent: Sendable {
    /// Asks for a decision.
    ///
    /// - Parameter decision: the rule's path, e.g. `policy/allow`.
    /// - Returns: whether the answer is the boolean `true`.
    /// - Throws: a ``Refusal`` (`unavailable`) when the agent cannot be asked. Nothing is released then.
    func allows(_ decision: String, _ question: AgentInput) async throws -> Bool

    /// Sends the agent a module in Rego, which replaces the one with this id.
    ///
    /// - Throws: a ``Refusal``: `invalidField` with the agent's words when the module does not compile.
    func put(module: String, id: String) async throws

    /// - Returns: the module's text, or `nil` when there is none.
    func module(_ id: String) async throws -> String?
}

/// The input of an agent's decision.
public struct AgentInput: Sendable, Hashable {
    /// The claims of the guest's token: a JSON object.
    public let claims: [UInt8]
    /// The segments of the requested path: `["repository", "type", "tag"]`, or a workload's id alone.
    public let path: [String]
    /// `resource`, or `key` for a workload's secret, whose guests have no token. A rule written for one kind can so
    /// tell the other's claims apart.
    public let kind: String

    public init(claims: [UInt8], path: [String]) {
        (self.claims, self.path, kind) = (claims, path, "resource")
    }

    public init(claims: [UInt8], key workload: WorkloadID) {
        (self.claims, path, kind) = (claims, [workload.text], "key")
    }
}
