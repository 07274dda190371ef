import Broker
import Bytes
import Formats
import FoundationEssentials
import HTTPEdge

/// A request's body, as a caller of the API writes it. ``Administrator`` writes the same.
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
        var message: JSONValue = ["id": .text(workload.id)]
        switch workload.launch {
        case .measurement(let measurement, let configuration):
            message["launch_measurement"] = .text(measurement)
            message["tee_config"] = .text(configuration)
        case .policy(let name): message["policy"] = .text(name)
        }
        var body = message.encoded
        // The secret stands last, in a buffer that is not moved any more, and goes there piece by piece: whoever sends it has
        // one copy to wipe.
        body.reserveCapacity(body.count + workload.secret.count * 4 / 3 + 32)
        body.removeLast()
        body += ",\"secret_base64\":\"".utf8
        workload.secret.withBytes { bytes in
            for start in stride(from: 0, to: bytes.count, by: 3) {
                body += Base64.encode(bytes[start..<min(start + 3, bytes.count)]).utf8
            }
        }
        body += "\"}".utf8
        return body
    }
}

struct WorkloadChange: RequestMessage {
    let disabled: Bool

    static let schema = Schema.object(["disabled": .bool]).named("WorkloadChange")

    init(_ json: JSON) throws { disabled = try json.member("disabled").bool() }

    static func body(disabled: Bool) -> [UInt8] { JSONValue.object([.init("disabled", .bool(disabled))]).encoded }
}

struct TokenRequest: RequestMessage {
    let role: Authority
    let description: String?
    /// In seconds.
    let lifetime: Double?

    static let schema = Schema.object([
        "role": .text(
            "registrar, auditor or admin; with a scope for names in it alone, e.g. `registrar:team-a/`.",
            pattern: "^(registrar|auditor|admin)(:(?=.{1,48}$)[A-Za-z0-9][A-Za-z0-9_-]*/([A-Za-z0-9_-]+/)*)?$"),
        "description?": .text(pattern: #"^[^\u0000-\u001f\u007f-\u009f]*$"#, longest: 64).orNull,
        "lifetime?": Schema([
            "type": "number", "minimum": 1, "maximum": 315_360_000, "default": 7_776_000,
            "description": "In seconds.",
        ]).orNull,
    ]).named("TokenRequest")

    init(role: Authority, description: String?, lifetime: Double?) {
        self.role = role
        self.description = description
        self.lifetime = lifetime
    }

    init(_ json: JSON) throws {
        role = try json.member("role").value(Authority.wanted) { Authority(exactly: $0) }
        description = try json.optional("description")?.text()
        lifetime = try json.optional("lifetime")?.number()
    }

    var body: [UInt8] {
        var message: JSONValue = ["role": .text(role.description)]
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
