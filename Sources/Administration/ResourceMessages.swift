public import Broker
public import Foundation

// Resources, as they stand on the wire.

/// A resource. Never its bytes.
public struct ResourceSummary: Codable, Sendable {
    /// `repository/type/tag`.
    public let path: String
    /// The policy that decides who gets it; absent when nobody does.
    public let policy: String?
    /// The number of the version that is given out.
    public let current: Int
    /// The number of the version that was put last.
    public let latest: Int
    /// Of the current version, in bytes.
    public let size: Int
    public let disabled: Bool
    public let created: Date
    public let changed: Date
    /// For `If-Match`, without its quotation marks.
    public let version: String

    init(_ resource: Resource) {
        path = resource.path.text
        policy = resource.policy?.text
        current = resource.current.number
        latest = resource.latest
        size = resource.current.size
        disabled = resource.isDisabled
        created = resource.created
        changed = resource.changed
        version = resource.stamp.description
    }
}

public struct ResourcePage: Codable, Sendable {
    public let resources: [ResourceSummary]
    /// For `after`, when there are more.
    public let next: String?
}

/// One put of a resource that is kept.
public struct ResourceVersionSummary: Codable, Sendable {
    public let number: Int
    /// In bytes.
    public let size: Int
    public let stored: Date
    /// Whether this is the one that is given out.
    public let current: Bool
    /// The policy that decides when it is; absent when nobody gets it.
    public let policy: String?
}

public struct ResourceVersionList: Codable, Sendable { public let versions: [ResourceVersionSummary] }

/// What is to be changed of a resource: one of the three.
public enum ResourceEdit: Sendable, Hashable {
    case disabled(Bool)
    case policy(PolicyChoice)
    /// Makes a version that is kept the current one.
    case current(Int)
}

extension ResourceEdit: Codable {
    private enum Member: String, CodingKey { case disabled, policy, current }

    public init(from decoder: any Decoder) throws {
        let members = try decoder.container(keyedBy: Member.self)
        let given = members.allKeys
        guard given.count == 1, let member = given.first else {
            throw Refusal(.malformed, "One of disabled, policy and current must be given.")
        }
        self =
            switch member {
            case .disabled: .disabled(try members.decode(Bool.self, forKey: .disabled))
            case .policy:
                .policy(
                    try members.decodeIfPresent(String.self, forKey: .policy).map { .named(try PolicyName($0)) }
                        ?? PolicyChoice.none)
            case .current: .current(try members.decode(Int.self, forKey: .current))
            }
    }

    public func encode(to encoder: any Encoder) throws {
        var members = encoder.container(keyedBy: Member.self)
        switch self {
        case .disabled(let isDisabled): try members.encode(isDisabled, forKey: .disabled)
        case .policy(let policy): try members.encode(policy.name, forKey: .policy)
        case .current(let version): try members.encode(version, forKey: .current)
        }
    }
}
