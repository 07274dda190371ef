/// What a caller may do. Each is what the operator of a broker hands out to one kind of person or program.
public enum Role: String, Sendable, Hashable, CaseIterable, Codable {
    /// Adds, replaces and removes workloads.
    case registrar
    /// Reads workloads, sessions, attempts and the audit trail.
    case auditor
    /// All of that, and tokens, keys and settings.
    case admin
}
