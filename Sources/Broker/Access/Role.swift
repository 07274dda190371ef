/// What a caller may do. Each is what the operator of a broker hands out to one kind of person or program.
public enum Role: String, Sendable, Hashable, CaseIterable, Codable {
    /// Adds, replaces and removes workloads.
    case registrar
    /// Reads workloads, sessions, attempts and the audit trail.
    case auditor
    /// All of that, and tokens, keys and settings.
    case admin
}

extension Role {
    /// Something that needs a role.
    public enum Permission: Sendable, Hashable, CaseIterable {
        case readWorkloads, changeWorkloads
        /// Sessions, attempts, the trail and the state of the server.
        case audit
        case endSessions
        /// Tokens, certificates, keys, settings.
        case administer
    }

    public func allows(_ permission: Permission) -> Bool {
        switch self {
        case .admin: true
        case .registrar: [.readWorkloads, .changeWorkloads].contains(permission)
        case .auditor: [.readWorkloads, .audit].contains(permission)
        }
    }
}
