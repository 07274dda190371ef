import Broker
import Bytes
import Formats
import FoundationEssentials
import HTTPEdge

/// A request's body, as a caller of the API writes it. ``RemoteAdministrator`` writes the same.
protocol RequestMessage: Sendable {
    static var schema: Schema { get }

    init(_ json: JSON) throws
}

extension RequestMessage {
    /// - Throws: a ``Refusal`` that names the field, what stood there and what may. It repeats nothing of it: it may hold
    ///   a secret, and is wiped.
    init(body: consuming [UInt8]) throws {
        do {
            let json = try JSON(wiping: &body)
            guard json.kind == .object else { throw Refusal(.malformed, "The body is not a JSON object.") }
            try self.init(json)
        } catch let error as MalformedInput {
            throw Refusal(
                .malformed,
                error.subject.isEmpty || error.subject == "JSON"
                    ? "The body is not JSON that can be used: \(error.reason)."
                    : "The field \(error.subject) \(error.reason).")
        }
    }
}

extension JSON {
    /// A text that stands for something: `null` is no such text.
    func value<Value>(_ wanted: String, _ read: (String) -> Value?) throws(MalformedInput) -> Value {
        guard let value = read(try text()) else { throw unfit(wanted, quoting: true) }
        return value
    }

    /// Bytes in base64, of which an error repeats nothing.
    func base64() throws(MalformedInput) -> [UInt8] {
        guard let bytes = Base64.decode(utf8: try utf8()) else { throw unfit("base64, padded and without line ends") }
        return bytes
    }
}

extension JSON {
    /// The same of a secret.
    fileprivate func secretFromBase64() throws(MalformedInput) -> Secret {
        var bytes = try base64()
        return Secret(wiping: &bytes)
    }
}

/// A workload to be registered. It is not printed: it holds the secret.
struct WorkloadMessage: RequestMessage {
    let id: String?
    let launch: NewWorkload.Launch
    let secret: Secret

    init(_ json: JSON) throws {
        id = try json.optional("id")?.text()
        let configuration = try json.optional("tee_config")?.text()
        launch =
            switch (try json.optional("launch_measurement")?.text(), try json.optional("policy")?.text()) {
            case (let measurement?, nil): .measurement(measurement, configuration: configuration ?? "")
            case (nil, let policy?) where configuration == nil: .policy(policy)
            default:
                throw Refusal(
                    .malformed, "Either launch_measurement, with tee_config or without, or policy must be given.")
            }
        secret =
            switch (try json.optional("secret"), try json.optional("secret_base64")) {
            case (let text?, nil): try text.secret()
            case (nil, let text?): try text.secretFromBase64()
            default: throw Refusal(.malformed, "Either secret or secret_base64 must be given.")
            }
    }

    static let schema = Schema.object(
        [
            "launch_measurement?": .text(pattern: "^([0-9a-fA-F]{96}|[0-9a-fA-F]{64})$"),
            "policy?": Schemas.policyName.saying("One that says what its guests must be, in place of a measurement."),
            "tee_config?": .text("JSON text; what it permits is the widest that is accepted.", longest: 16_384).orNull,
            "secret?": Schema([
                "type": "string", "pattern": #"^[^\u0000]{1,61}$"#, "writeOnly": true,
                "description": "Up to 245 bytes for SNP and 512 for SEV, without zero bytes; any 61 characters fit.",
            ]),
            "secret_base64?": Schema([
                "type": "string", "pattern": "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
                "minLength": 4, "maxLength": 684, "writeOnly": true,
                "description": "The same, for a secret that is no text.",
            ]),
        ],
        and: [
            "allOf": [
                ["oneOf": [["required": ["secret"]], ["required": ["secret_base64"]]]],
                ["oneOf": [["required": ["launch_measurement"]], ["required": ["policy"]]]],
            ]
        ]
    ).named("Replacement")

    /// Of one whose id does not stand in its path.
    static let newSchema = schema.and(.object(["id": Schemas.workloadID])).named("NewWorkload")

    static func body(_ workload: NewWorkload) -> [UInt8] {
        var message: JSONValue = [
            "id": .text(workload.id),
            "secret_base64": .text(workload.secret.withBytes { Base64.encode($0) }),
        ]
        switch workload.launch {
        case .measurement(let measurement, let configuration):
            message["launch_measurement"] = .text(measurement)
            message["tee_config"] = .text(configuration)
        case .policy(let name): message["policy"] = .text(name)
        }
        return message.encoded
    }
}

struct WorkloadChange: RequestMessage {
    let disabled: Bool

    static let schema = Schema.object(["disabled": .bool]).named("WorkloadChange")

    init(_ json: JSON) throws { disabled = try json.member("disabled").bool() }

    static func body(disabled: Bool) -> [UInt8] { JSONValue.object([.init("disabled", .bool(disabled))]).encoded }
}

struct TokenRequest: RequestMessage {
    let role: Role
    let description: String?
    /// In seconds.
    let lifetime: Double?

    static let schema = Schema.object([
        "role": Schema(of: Role.self),
        "description?": .text(pattern: #"^[^\u0000-\u001f\u007f-\u009f]*$"#, longest: 64).orNull,
        "lifetime?": Schema([
            "type": "number", "minimum": 1, "maximum": 315_360_000, "default": 7_776_000,
            "description": "In seconds.",
        ]).orNull,
    ]).named("TokenRequest")

    init(role: Role, description: String?, lifetime: Double?) {
        self.role = role
        self.description = description
        self.lifetime = lifetime
    }

    init(_ json: JSON) throws {
        role = try json.member("role").value("registrar, auditor or admin") { Role(exactly: $0) }
        description = try json.optional("description")?.text()
        lifetime = try json.optional("lifetime")?.number()
    }

    var body: [UInt8] {
        var message: JSONValue = ["role": .text(role.rawValue)]
        message["description"] = description.map { .text($0) }
        message["lifetime"] = lifetime.map { .number($0) }
        return message.encoded
    }
}

/// Why a chip or a key is denied.
struct DenialMessage: RequestMessage {
    let reason: String

    static let schema = Schema.object([
        "reason": Schema([
            "type": "string", "minLength": 1, "maxLength": 200,
            "pattern": #"^[^\u0000-\u001f\u007f-\u009f]*$"#,
        ])
    ]).named("DenialRequest")

    init(reason: String) { self.reason = reason }

    init(_ json: JSON) throws { reason = try json.member("reason").text() }

    var body: [UInt8] { JSONValue.object([.init("reason", .text(reason))]).encoded }
}

/// A policy, as its author wrote it.
struct PolicyMessage: RequestMessage {
    /// TOML.
    let document: String

    static let schema = Schema.object(["document": .text("TOML.", longest: 65_536)]).named("NewPolicy")

    init(_ json: JSON) throws { document = try json.member("document").text() }

    static func body(document: String) -> [UInt8] { JSONValue.object([.init("document", .text(document))]).encoded }
}

struct ReferenceValuesMessage: RequestMessage {
    let kind: ReferenceValueSet.Kind
    /// Digests in hex; others as they are written.
    let values: [String]
    let source: String?
    let expires: Date?

    static let schema = Schema.object([
        "kind": Schema(of: ReferenceValueSet.Kind.self),
        "values": Schema([
            "type": "array", "minItems": 1, "items": ["type": ["string", "integer", "boolean"]],
            "description":
                "64 hex digits for host data, 96 for the other digests; or numbers, truth values, texts.",
        ]),
        "source?": .text("Who says so, where and when: for people.").orNull,
        "expires?": Schema([
            "type": "string", "format": "date-time",
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2})$",
        ]).orNull,
    ]).named("NewReferenceValues")

    init(_ set: ReferenceValueSet) {
        kind = set.kind
        values = set.texts
        source = set.source
        expires = set.expires
    }

    init(_ json: JSON) throws {
        let kinds = ReferenceValueSet.Kind.allCases.map(\.rawValue).joined(separator: ", ")
        kind = try json.member("kind").value("one of \(kinds)") { ReferenceValueSet.Kind(exactly: $0) }
        values = try json.member("values").array().map { value in
            switch value.kind {
            case .number, .bool: String(decoding: value.raw, as: UTF8.self)
            default: try value.text()
            }
        }
        source = try json.optional("source")?.text()
        expires = try json.optional("expires")?
            .value("a time as RFC 3339 has it, e.g. 2027-01-31T00:00:00Z") { RFC3339.date($0) }
    }

    var body: [UInt8] {
        var message: JSONValue = ["kind": .text(kind.rawValue), "values": .array(values.map { .text($0) })]
        message["source"] = source.map { .text($0) }
        message["expires"] = expires.map { .text(RFC3339.text($0)) }
        return message.encoded
    }

    /// - Throws: a ``Refusal`` that names the field.
    func set(_ name: PolicyName) throws(Refusal) -> ReferenceValueSet {
        try ReferenceValueSet(name: name, kind: kind, texts: values, source: source ?? "", expires: expires)
    }
}
