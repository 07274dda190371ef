public import Broker
import Formats
public import FoundationEssentials
public import HTTPEdge

// Resources, as they stand on the wire.

/// A resource. Never its bytes.
public struct ResourceSummary: Codable, Sendable, DescribedReply {
    public static let details = [
        "policy": "This policy decides who gets it. Absent: nobody does.",
        "current": "The number of the version that is given out.",
        "latest": "The number of the version that was put last.",
        "size": "Of the current version, in bytes.",
        "version": "The ETag without its quotation marks.",
    ]

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
public struct ResourceVersionSummary: Codable, Sendable, DescribedReply {
    public static let details = [
        "policy": "The policy that decides when it is given out; absent when nobody gets it.",
        "current": "Whether it is the one that is given out.",
    ]

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

extension ResourceEdit: RequestMessage {
    static let schema = Schema.object(
        [
            "disabled?": .bool, "policy?": Schemas.policyName.saying("`null`: nobody gets it.").orNull,
            "current?": Schema([
                "type": "integer", "minimum": 1, "description": "The number of a version that is kept.",
            ]),
        ], and: ["minProperties": 1, "maxProperties": 1, "additionalProperties": false]
    ).named("ResourceEdit")

    init(_ json: JSON) throws {
        let given = ["disabled", "policy", "current"].filter { json[$0] != nil }
        guard given.count == 1 else { throw Refusal(.malformed, "One of disabled, policy and current must be given.") }
        switch given[0] {
        case "disabled": self = .disabled(try json.member("disabled").bool())
        case "current": self = .current(try json.member("current").integer())
        default:
            let name = try json.optional("policy")?.text()
            self = .policy(try name.map { .named(try PolicyName($0)) } ?? PolicyChoice.none)
        }
    }

    var body: [UInt8] {
        let member: JSONValue.Member =
            switch self {
            case .disabled(let isDisabled): .init("disabled", .bool(isDisabled))
            case .policy(let policy): .init("policy", policy.name.map { .text($0.text) } ?? .null)
            case .current(let version): .init("current", .integer(version))
            }
        return JSONValue.object([member]).encoded
    }
}

/// A secret that is to be made here.
public struct GeneratedResource: Sendable, Hashable {
    public var bytes = 32
    /// Whether it is stored as hex digits, for programs that take text.
    public var isHex = false
    /// nil leaves what is there.
    public var policy: PolicyChoice?

    public init(bytes: Int = 32, isHex: Bool = false, policy: PolicyChoice? = nil) {
        self.bytes = bytes
        self.isHex = isHex
        self.policy = policy
    }
}

extension GeneratedResource: RequestMessage {
    static let schema = Schema.object([
        "bytes?": Schema([
            "type": "integer", "minimum": 16, "maximum": 4_096, "default": 32,
            "description": "How many are random; as hex digits they are twice as many.",
        ]), "hex?": .bool, "policy?": Schemas.policyName.saying("It decides who gets it. Without one nobody does."),
    ]).named("GeneratedResource")

    init(_ json: JSON) throws {
        if let count = try json.optional("bytes") { bytes = try count.integer() }
        if let hex = try json.optional("hex") { isHex = try hex.bool() }
        policy = try json.optional("policy").map { .named(try PolicyName(try $0.text())) }
    }

    var body: [UInt8] {
        var message: JSONValue = ["bytes": .integer(bytes), "hex": .bool(isHex)]
        message["policy"] = policy?.name.map { .text($0.text) }
        return message.encoded
    }
}
