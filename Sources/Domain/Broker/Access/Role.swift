/// A set of permissions for one kind of operator or program.
public enum Role: String, Sendable, Hashable, CaseIterable, Codable, Comparable {
    /// Adds, replaces and removes workloads and resources.
    case registrar
    /// Reads workloads, resources, sessions, attempts and the audit trail.
    case auditor
    /// All of these, and tokens, keys, policies and settings.
    case admin
}

extension Role {
    /// Orders roles by their rights: an auditor changes nothing, a registrar workloads and resources, an admin
    /// everything.
    public static func < (a: Role, b: Role) -> Bool { a.rank < b.rank }

    private var rank: Int {
        switch self {
        case .auditor: 0
        case .registrar: 1
        case .admin: 2
        }
    }

    /// A right that roles have or lack.
    public enum Permission: Sendable, Hashable, CaseIterable {
        case readWorkloads, changeWorkloads
        /// Sessions, attempts, the trail and the state of the server.
        case audit
        case endSessions
        case disableWorkloads
        case readResources
        /// To put resources and new versions of them, and to remove resources.
        case changeResources
        /// To change an existing resource's policy, current version or disabling: the changes that can give a secret to
        /// other guests than its registrar meant.
        case steerResources
        /// Policies and reference values. A registrar needs their names to put resources under them.
        case readPolicies
        case changePolicies
        /// To change reference values: the measurements by which policies recognise software.
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
