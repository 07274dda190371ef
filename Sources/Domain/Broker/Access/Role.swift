/// What a caller may do. Each is what the operator of a broker hands out to one kind of person or program.
public enum Role: String, Sendable, Hashable, CaseIterable, Codable, Comparable {
    /// Adds, replaces and removes workloads and resources.
    case registrar
    /// Reads workloads, resources, sessions, attempts and the audit trail.
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
        case readResources
        /// To put new ones and new versions, and to remove them.
        case changeResources
        /// To say what becomes of what is there: another policy, an old version, disabling. It may give a secret to
        /// somebody else than whoever put it meant.
        case steerResources
        /// Policies and reference values. Who puts resources there needs to see which policies there are.
        case readPolicies
        case changePolicies
        /// To say what reference values there are: by which measurements a policy knows its software.
        case changeReferences
        /// Tokens, certificates, keys, settings.
        case administer
    }

    public func allows(_ permission: Permission) -> Bool {
        switch self {
        case .admin: true
        case .registrar:
            [.readWorkloads, .changeWorkloads, .readResources, .changeResources, .readPolicies].contains(permission)
        case .auditor: [.readWorkloads, .readResources, .audit, .readPolicies].contains(permission)
        }
    }
}
