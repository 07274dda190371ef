/// A metric that a program exports: what its manual, dashboards and alerts may rely on.
public struct MetricDefinition: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable { case counter, gauge, histogram }

    public let name: String
    public let help: String
    public let kind: Kind
    /// A histogram's upper bounds, in the unit that is exported.
    public let buckets: [Double]
    /// How many recorded units make one exported: nanoseconds are recorded, seconds exported.
    public let scale: Double
    /// Whether series that were never touched are left out: of all methods with all paths few ever occur.
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
