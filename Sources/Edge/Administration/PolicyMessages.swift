import Broker
import Bytes
public import FoundationEssentials
public import HTTPEdge

/// A policy of resources.
public struct PolicySummary: Codable, Sendable, DescribedReply {
    public static let details = [
        "document": "TOML, as it was set. docs/policies.md says what may stand there.",
        "explanation": "Who gets in, in words.",
        "reference_values": "The sets that it names.",
        "version": "The ETag without its quotation marks.",
    ]

    public let name: String
    public let description: String
    /// TOML, as its author wrote it.
    public let document: String
    /// Who gets in, in words.
    public let explanation: String
    /// The reference values that it names.
    public let referenceValues: [String]
    public let changed: Date
    /// For `If-Match`, without its quotation marks: counts the changes of all policies and reference values.
    public let version: String

    enum CodingKeys: String, CodingKey {
        case name, description, document, explanation, changed, version
        case referenceValues = "reference_values"
    }

    init(_ stored: StoredPolicy, _ references: ReferenceValues, at time: Date) {
        name = stored.policy.name.text
        description = stored.policy.description
        document = stored.document
        explanation = stored.policy.explanation(references: references, at: time)
        referenceValues = stored.policy.referenceNames.map(\.text)
        changed = stored.changed
        version = stored.revision.description
    }
}

extension PolicySummary: Listed { public static var plural: String { "policies" } }

/// A policy that evidence is held against.
public enum TestedPolicy: Sendable {
    /// One that is kept.
    case named(String)
    /// TOML, to be tried out.
    case document(String)
}
