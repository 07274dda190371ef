import Broker
import Bytes
import Formats
import HTTPEdge

// Small messages of the API's callers.

struct WorkloadChange: RequestMessage { let disabled: Bool }

struct TokenRequest: RequestMessage {
    let role: String
    let description: String?
    /// In seconds.
    let lifetime: Double?

    static let members: [String: Schema] = [
        "role": .text(
            "registrar, auditor or admin; with a scope limited to its names, e.g. `registrar:team-a/`.",
            pattern: "^(registrar|auditor|admin)(:(?=.{1,48}$)[A-Za-z0-9][A-Za-z0-9_-]*/([A-Za-z0-9_-]+/)*)?$"),
        "description": .text(pattern: #"^[^\u0000-\u001f\u007f-\u009f]*$"#, longest: 64).orNull,
        "lifetime": Schema([
            "type": "number", "minimum": 1, "maximum": 315_360_000, "default": 7_776_000,
            "description": "In seconds.",
        ]).orNull,
    ]

    func authority() throws(Refusal) -> Authority {
        guard let authority = Authority(exactly: role) else {
            throw Refusal(
                .malformed, "The field role has a value that cannot be used: it is \(Authority.wanted).")
        }
        return authority
    }
}

/// The reason of a denial.
struct DenialRequest: RequestMessage {
    let reason: String
    /// Whether a chip's id is whole, though a longer one that begins with it was seen.
    let whole: Bool?

    static let members: [String: Schema] = [
        "reason": Schema([
            "type": "string", "minLength": 1, "maxLength": 200, "pattern": #"^[^\u0000-\u001f\u007f-\u009f]*$"#,
        ]),
        "whole": Schema([
            "type": "boolean",
            "description": "Deny a chip's id though attempts and sessions have only longer ones that begin with it.",
        ]),
    ]
}

/// A policy, as its author wrote it.
struct NewPolicy: RequestMessage {
    /// TOML.
    let document: String

    static let members: [String: Schema] = ["document": .text("TOML.", longest: 65_536)]
    static let readBack = ["name", "description", "explanation", "reference_values", "changed", "version"]
}
