/// What a caller may do. Each is what the operator of a broker hands out to one kind of person or program.
public enum Role: String, Sendable, Hashable, CaseIterable, Codable, Comparable {
    /// Adds, replaces and removes workloads.
    case registrar
    /// Reads workloads, sessions, attempts and the audit trail.
    case auditor
    /// All of that, and tokens, keys and settings.
    case admin
}

extension Role {
    /// By what they may do: an auditor changes nothing, a registrar workloads, an admin everything.
    public static func < (a: Role, b: Role) -> Bool { a.rank < b.rank }

    private var rank: Int {
        switch self {
        case .auditor: 0
        case .registrar: 1
        case .admin: 2
        }
    }

    /// Something that needs a role.
    public enum Permission: Sendable, Hashable, CaseIterable {
        case readWorkloads, changeWorkloads
        /// Sessions, attempts, the trail and the state of the server.
        case audit
        case endSessions
        case disableWorkloads
        /// Policies and reference values. Who puts resources there needs to see which policies there are.
        case readPolicies
        case changePolicies
        /// Tokens, certificates, keys, settings.
        case administer
    }

    public func allows(_ permission: Permission) -> Bool {
        switch self {
        case .admin: true
        case .registrar: [.readWorkloads, .changeWorkloads, .readPolicies].contains(permission)
        case .auditor: [.readWorkloads, .audit, .readPolicies].contains(permission)
        }
    }
}
