public import Broker
import Bytes
public import Formats
public import FoundationEssentials
public import HTTPEdge

// Resources on the wire.

/// A resource. Never its bytes.
public struct ResourceSummary: Listed, DescribedReply {
    public static let plural = "resources"
    public static let details = [
        "policy": "The policy for its release. Absent: it is not released.",
        "current": "The number of the version that is released.",
        "latest": "The number of the version that was put last.",
        "size": "The size of the current version, in bytes.",
        "host_data": "In hex: the current version is released only to guests that were launched with this HOST_DATA.",
        "version": "The ETag without its quotation marks.",
    ]

    /// `repository/type/tag`.
    public let path: String
    public let policy: String?
    public let current, latest, size: Int
    public let hostData: String?
    public let disabled: Bool
    public let created, changed: Date
    public let version: String

    init(_ resource: Resource) {
        (hostData, path) = (resource.current.binding.map { Hex.encode($0.bytes) }, resource.path.text)
        (policy, current, latest) = (resource.policy?.text, resource.current.number, resource.latest)
        (size, disabled, created) = (resource.current.size, resource.isDisabled, resource.created)
        (changed, version) = (resource.changed, resource.revision.description)
    }
}

/// A stored version of a resource.
public struct ResourceVersionSummary: Codable, Sendable, DescribedReply {
    public static let details = [
        "policy": "The policy for its release; absent if it is not released.",
        "current": "Whether it is the version that is released.",
        "host_data": "In hex: it is released only to guests that were launched with this HOST_DATA.",
    ]

    public let number: Int
    /// In bytes.
    public let size: Int
    public let stored: Date
    public let current: Bool
    public let policy, hostData: String?

    init(_ version: Resource.Version, isCurrent: Bool) {
        (number, size, stored, current) = (version.number, version.size, version.stored, isCurrent)
        (policy, hostData) = (version.policy?.text, version.binding.map { Hex.encode($0.bytes) })
    }
}

public struct ResourceVersionList: Codable, Sendable { public let versions: [ResourceVersionSummary] }

/// One of three changes to a resource.
public enum ResourceEdit: Sendable, Hashable {
    case disabled(Bool)
    case policy(PolicyChoice)
    /// Makes a stored version the current one.
    case current(Int)
}

// Encoded and decoded by hand: a `null` member differs from an absent one.
extension ResourceEdit: JSONReadable, Encodable {
    public static let schema = Schema.object(
        [
            "disabled?": .bool, "policy?": Schemas.policyName.saying("`null`: it is not released.").orNull,
            "current?": Schema([
                "type": "integer", "minimum": 1, "description": "The number of a stored version.",
            ]),
        ], and: ["minProperties": 1, "maxProperties": 1, "additionalProperties": false]
    ).named("ResourceEdit")

    private enum Key: String, CodingKey, CaseIterable { case disabled, policy, current }

    public init(_ json: JSON) throws {
        try json.expectMembers(Key.allCases.map { ExactText($0.rawValue) })
        switch (json["disabled"], json["policy"], json["current"]) {
        case (let disabled?, nil, nil): self = .disabled(try disabled.bool())
        case (nil, let policy?, nil) where policy.kind == .null: self = .policy(.none)
        case (nil, let policy?, nil): self = .policy(.named(try PolicyName(try policy.text())))
        case (nil, nil, let current?): self = .current(try current.integer())
        default: throw Refusal(.malformed, "One of disabled, policy and current must be given.")
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var members = encoder.container(keyedBy: Key.self)
        switch self {
        case .disabled(let isDisabled): try members.encode(isDisabled, forKey: .disabled)
        case .policy(let policy): try members.encode(policy.name?.text, forKey: .policy)
        case .current(let version): try members.encode(version, forKey: .current)
        }
    }
}

/// A secret to be generated.
public struct GeneratedResource: RequestMessage {
    /// The number of random bytes.
    let bytes: Int?
    /// Whether it is stored as hex digits, for programs that expect text.
    let hex: Bool?
    /// nil leaves the policy unchanged.
    let policy: String?
    /// Whether it is bound to a new random HOST_DATA.
    let bindHostData: Bool?
    /// The HOST_DATA that it is bound to.
    let hostData: String?

    public static let members: [String: Schema] = [
        "bytes": Schema([
            "type": "integer", "minimum": 16, "maximum": 4_096, "default": 32,
            "description": "The number of random bytes; hex digits are twice as many.",
        ]), "policy": Schemas.policyName.saying("The policy for its release. Without one it is not released."),
        "bind_host_data": .bool.saying(
            "Whether it is released only to a guest with a new random HOST_DATA, which is in the answer."),
        "host_data": .text(
            "The same with this HOST_DATA, e.g. the digest of a guest's init data.", pattern: "^[0-9a-fA-F]{64}$"),
    ]

    public init(bytes: Int, hex: Bool, policy: PolicyName?, bindHostData: Bool, hostData: HostDataBinding?) {
        (self.bytes, self.hex, self.policy, self.bindHostData) = (bytes, hex, policy?.text, bindHostData)
        self.hostData = hostData.map { Hex.encode($0.bytes) }
    }

    /// The secret's binding.
    func binding() throws(Refusal) -> HostDataBinding? {
        switch (hostData, bindHostData ?? false) {
        case (let given?, false): return try HostDataBinding(hex: given)
        case (nil, true): return try HostDataBinding.random()
        case (nil, false): return nil
        case (_?, true): throw Refusal(.malformed, "Give bind_host_data or host_data, not both.")
        }
    }
}
