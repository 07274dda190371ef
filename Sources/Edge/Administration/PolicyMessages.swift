import Broker
import Bytes
public import FoundationEssentials
public import HTTPEdge

/// A policy of resources.
public struct PolicySummary: Listed, DescribedReply {
    public static let plural = "policies"
    public static let details = [
        "document": "TOML, as it was set; docs/policies.md describes it.",
        "explanation": "The accepted guests, in words.",
        "reference_values": "The sets that it names.",
        "version": "The ETag without its quotation marks.",
    ]

    public let name, description, document, explanation: String
    public let referenceValues: [String]
    public let changed: Date
    public let version: String

    init(_ stored: StoredPolicy, _ references: ReferenceValues, at time: Date) {
        (name, description, document) = (stored.policy.name.text, stored.policy.description, stored.document)
        explanation = stored.policy.explanation(references: references, at: time)
        (referenceValues, changed) = (stored.policy.referenceNames.map(\.text), stored.changed)
        version = stored.revision.description
    }
}
