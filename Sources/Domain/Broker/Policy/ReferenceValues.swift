import Bytes
import Evidence
public import FoundationEssentials

/// Digests that an operator knows by a name: `web-2026.1` rather than 96 hex digits.
public struct ReferenceValueSet: Sendable, Hashable, Codable {
    /// What the values are digests of. A policy can name a set only where its kind fits.
    public enum Kind: String, Sendable, Hashable, CaseIterable, Codable {
        case measurement
        case hostData = "host_data"
        case idKey = "id_key"
        case authorKey = "author_key"

        /// How long each value is, in bytes.
        public var length: Int { self == .hostData ? 32 : 48 }
    }

    public let name: PolicyName
    public let kind: Kind
    /// At least one; each as long as its kind.
    public let values: [[UInt8]]
    /// Who says so, where and when: text or a URI. For people; nothing is decided by it.
    public let source: String
    /// From then on a policy that names the set lets nobody in by it.
    public let expires: Date?

    /// - Throws: a ``Refusal`` when there are no values, or one has another length than its kind, or is of zeros where that
    ///   means "none".
    public init(
        name: PolicyName, kind: Kind, values: [[UInt8]], source: String, expires: Date?
    ) throws(Refusal) {
        guard !values.isEmpty else {
            throw Refusal(
                .invalidField, "The reference values \(name) are none: give at least one, or remove the set.")
        }
        for value in values where value.count != kind.length {
            throw Refusal(
                .invalidField,
                "A value of \(name) has \(value.count) bytes and a \(kind.rawValue) has \(kind.length): "
                    + "give it in \(kind.length * 2) hex digits.")
        }
        // A guest that nobody signed for shows zeros: they would let in everyone's. Host data of zeros are a host that gave none.
        guard kind == .hostData || !values.contains(where: \.isAllZero) else {
            throw Refusal(
                .invalidField,
                "The reference values \(name) hold a value of zeros, which is how reports say \"none\": remove it.")
        }
        self.name = name
        self.kind = kind
        self.values = values
        self.source = source
        self.expires = expires
    }
}

/// The sets that a policy names, as they are now.
public typealias ReferenceValues = [PolicyName: ReferenceValueSet]
