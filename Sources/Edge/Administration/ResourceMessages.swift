public import Broker
import Bytes
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
        "host_data": "In hex: the current version is given only to guests that were launched with this HOST_DATA.",
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
    /// The HOST_DATA that a guest must be launched with, in hex; `nil` when any will do.
    public let hostData: String?
    public let disabled: Bool
    public let created: Date
    public let changed: Date
    /// For `If-Match`, without its quotation marks.
    public let version: String

    enum CodingKeys: String, CodingKey {
        case path, policy, current, latest, size, disabled, created, changed, version
        case hostData = "host_data"
    }

    init(_ resource: Resource) {
        hostData = resource.current.binding.map { Hex.encode($0.bytes) }
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

extension ResourceSummary: Listed { public static var plural: String { "resources" } }

/// One put of a resource that is kept.
public struct ResourceVersionSummary: Codable, Sendable, DescribedReply {
    public static let details = [
        "policy": "The policy that decides when it is given out; absent when nobody gets it.",
        "current": "Whether it is the one that is given out.",
        "host_data": "In hex: it is given only to guests that were launched with this HOST_DATA.",
    ]

    public let number: Int
    /// In bytes.
    public let size: Int
    public let stored: Date
    /// Whether this is the one that is given out.
    public let current: Bool
    /// The policy that decides when it is; absent when nobody gets it.
    public let policy: String?
    public let hostData: String?

    enum CodingKeys: String, CodingKey {
        case number, size, stored, current, policy
        case hostData = "host_data"
    }

    init(_ version: Resource.Version, isCurrent: Bool) {
        (number, size, stored, current) = (version.number, version.size, version.stored, isCurrent)
        (policy, hostData) = (version.policy?.text, version.binding.map { Hex.encode($0.bytes) })
    }
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
    public var binding: Binding?

    /// What the host must choose for a guest's launch.
    public enum Binding: Sendable, Hashable {
        /// A value that the broker makes.
        case made
        case given(HostDataBinding)
    }

    public init(bytes: Int = 32, isHex: Bool = false, policy: PolicyChoice? = nil, binding: Binding? = nil) {
        self.binding = binding
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
        "bind_host_data?": .bool.saying(
            "Whether only a guest gets it that is launched with a HOST_DATA which is made now, and is in the answer."),
        "host_data?": .text(
            "The same with this HOST_DATA: the digest of a guest's init data, say.", pattern: "^[0-9a-fA-F]{64}$"),
    ]).named("GeneratedResource")

    init(_ json: JSON) throws {
        if let count = try json.optional("bytes") { bytes = try count.integer() }
        if let hex = try json.optional("hex") { isHex = try hex.bool() }
        policy = try json.optional("policy").map { .named(try PolicyName(try $0.text())) }
        let given = try json.optional("host_data").map { try HostDataBinding(hex: try $0.text()) }
        let isMade = try json.optional("bind_host_data")?.bool() ?? false
        guard given == nil || !isMade else {
            throw Refusal(.malformed, "Give bind_host_data, or host_data, and not both.")
        }
        binding = given.map { .given($0) } ?? (isMade ? .made : nil)
    }

    var body: [UInt8] {
        var message: JSONValue = ["bytes": .integer(bytes), "hex": .bool(isHex)]
        message["policy"] = policy?.name.map { .text($0.text) }
        switch binding {
        case nil: break
        case .made: message["bind_host_data"] = .bool(true)
        case .given(let binding): message["host_data"] = .text(Hex.encode(binding.bytes))
        }
        return message.encoded
    }

    /// What the secret is bound to.
    func hostData() throws(Refusal) -> HostDataBinding? {
        switch binding {
        case nil: nil
        case .made: try HostDataBinding.random()
        case .given(let binding): binding
        }
    }
}
