import Broker
public import Bytes
public import Formats
public import HTTPEdge

/// A registration. It is encoded and decoded by hand, and not printed, because it holds the secret.
public struct NewWorkload: JSONReadable, Sendable {
    /// nil if the path alone names it.
    let id: String?
    let launch: Launch
    let secret: Secret

    /// The requirements on its guests.
    public enum Launch: Sendable {
        /// - Parameter measurement: in hex.
        case measurement(String, configuration: String)
        /// The name of a policy.
        case policy(String)
    }

    public init(id: String, launch: Launch, secret: Secret) {
        (self.id, self.launch, self.secret) = (id, launch, secret)
    }

    public init(_ json: JSON) throws {
        try json.expectMembers(["id", "launch_measurement", "policy", "tee_config", "secret", "secret_base64"])
        id = try json.optional("id")?.text()
        launch =
            switch (
                try json.optional("launch_measurement")?.text(), try json.optional("policy")?.text(),
                try json.optional("tee_config")?.text()
            ) {
            case (let digest?, nil, let configuration): .measurement(digest, configuration: configuration ?? "")
            case (nil, let policy?, nil): .policy(policy)
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

    /// For a workload whose id is in the path.
    public static let schema = described("id?", Schemas.workloadID.orNull).named("Replacement")
    static let newSchema = described("id", Schemas.workloadID).named("NewWorkload")

    /// Exactly one of the members is a text; `null` counts as absent.
    private static func one(of names: String...) -> JSONValue {
        let texts = names.map { name -> JSONValue in
            ["required": [.text(name)], "properties": .object([.init(name, ["type": "string"])])]
        }
        return ["oneOf": .array(texts)]
    }

    private static func described(_ name: String, _ id: Schema) -> Schema {
        .object(
            [
                name: id,
                "launch_measurement?": .text(pattern: "^([0-9a-fA-F]{96}|[0-9a-fA-F]{64})$").orNull,
                "policy?": Schemas.policyName.saying(
                    "A policy for its guests, instead of a measurement."
                ).orNull,
                "tee_config?": .text("JSON text with the widest guest policy that is accepted.").orNull,
                "secret?": Schema([
                    "type": "string", "pattern": #"^[^\u0000]{1,61}$"#, "writeOnly": true,
                    "description":
                        "Up to 245 bytes for SNP and 512 for SEV, without zero bytes; any 61 characters fit.",
                ]).orNull,
                "secret_base64?": Schema([
                    "type": "string", "pattern": "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
                    "minLength": 4, "maxLength": 684, "writeOnly": true,
                    "description": "The same, for a secret that is not text.",
                ]).orNull,
            ],
            and: [
                "allOf": [one(of: "secret", "secret_base64"), one(of: "launch_measurement", "policy")],
                "additionalProperties": false,
            ])
    }

    var body: [UInt8] {
        var message: JSONValue = .object([])
        message["id"] = id.map { .text($0) }
        switch launch {
        case .measurement(let measurement, let configuration):
            message["launch_measurement"] = .text(measurement)
            message["tee_config"] = .text(configuration)
        case .policy(let name): message["policy"] = .text(name)
        }
        var body = message.encoded
        // The secret comes last, in pieces, into a buffer that is not reallocated: the sender has one copy to wipe.
        body.reserveCapacity(body.count + secret.count * 4 / 3 + 32)
        body.removeLast()
        body += ",\"secret_base64\":\"".utf8
        secret.withBytes { bytes in
            for start in stride(from: 0, to: bytes.count, by: 3) {
                body += Base64.encode(bytes[start..<min(start + 3, bytes.count)]).utf8
            }
        }
        body += "\"}".utf8
        return body
    }
}

extension JSON {
    /// Bytes in base64, without leaving a copy or repeating them in an error.
    fileprivate func secretFromBase64() throws(MalformedInput) -> Secret {
        var text = try utf8()
        defer { text.wipe() }
        guard var bytes = Base64.decode(utf8: text) else { throw unfit("base64, padded and without line ends") }
        return Secret(wiping: &bytes)
    }
}
