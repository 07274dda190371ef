/// An exported metric, on which documentation, dashboards and alerts rely.
public struct MetricDefinition: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable { case counter, gauge, histogram }

    public let name: String
    public let help: String
    public let kind: Kind
    /// A histogram's upper bounds, in the exported unit.
    public let buckets: [Double]
    /// Recorded units in an exported one, e.g. nanoseconds in a second.
    public let scale: Double
    /// Whether series without events are omitted, e.g. those of unused combinations of labels.
    public let omitsZeros: Bool

    /// The scale of a histogram that records nanoseconds and exports seconds.
    public static let nanoseconds = 1e9

    public init(
        name: String, help: String, kind: Kind, buckets: [Double] = [], scale: Double = 1, omitsZeros: Bool = false
    ) {
        self.name = name
        self.help = help
        self.kind = kind
        self.buckets = buckets
        self.scale = scale
        self.omitsZeros = omitsZeros
    }
}
