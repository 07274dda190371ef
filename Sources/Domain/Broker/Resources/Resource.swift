public import FoundationEssentials

/// A resource as operators see it: never its bytes.
///
/// Each put makes the next version. One version is current: that one is given out.
public struct Resource: Sendable, Hashable {
    /// Names one resource: a path that is removed and put again gets a new row.
    public typealias Row = Int64

    public let row: Row
    public let path: ResourcePath
    /// The policy that decides who gets it. Without one nobody does.
    public let policy: PolicyName?
    /// The version that is given out.
    public let current: Version
    /// The number of the version that was put last.
    public let latest: Int
    /// Counts what was done to it: puts, rollbacks, other policies, disabling.
    public let change: Int64
    /// Whether guests get nothing for now.
    public let isDisabled: Bool
    public let created: Date
    /// When the last of the changes was.
    public let changed: Date

    public init(
        row: Row, path: ResourcePath, policy: PolicyName?, current: Version, latest: Int, change: Int64,
        isDisabled: Bool, created: Date, changed: Date
    ) {
        self.row = row
        self.path = path
        self.policy = policy
        self.current = current
        self.latest = latest
        self.change = change
        self.isDisabled = isDisabled
        self.created = created
        self.changed = changed
    }

    /// One put of a resource.
    public struct Version: Sendable, Hashable {
        /// From 1.
        public let number: Int
        /// Of what was put, in bytes.
        public let size: Int
        public let stored: Date
        /// The policy that it was put under, or that an operator gave the resource since: it decides whenever this version
        /// is the current one. So going back to what was put under a strict policy gives it to nobody else.
        public let policy: PolicyName?
        /// What the host must have chosen for a guest's launch, beside all that the policy asks for; `nil`: nothing. Nobody
        /// takes it from these bytes again.
        public let binding: HostDataBinding?

        public init(number: Int, size: Int, stored: Date, policy: PolicyName?, binding: HostDataBinding? = nil) {
            self.number = number
            self.size = size
            self.stored = stored
            self.policy = policy
            self.binding = binding
        }
    }

    /// How many versions are kept beside the current one, the latest of them.
    public static let oldVersions = 10

    /// Tells one state of a resource from another.
    public struct Stamp: Sendable, Hashable, CustomStringConvertible {
        public let row: Row
        public let change: Int64

        public init(row: Row, change: Int64) {
            self.row = row
            self.change = change
        }

        /// Reads ``description``.
        public init?(_ text: some StringProtocol) {
            let parts = text.split(separator: ".", omittingEmptySubsequences: false)
            guard parts.count == 2, let row = Row(parts[0]), let change = Int64(parts[1]), row > 0, change > 0,
                "\(row).\(change)" == text
            else { return nil }
            self.init(row: row, change: change)
        }

        public var description: String { "\(row).\(change)" }
    }

    public var stamp: Stamp { Stamp(row: row, change: change) }

    /// What a change takes for granted.
    public enum Expectation: Sendable, Hashable {
        /// That there is one.
        case any
        /// That there is none.
        case none
        case stamp(Stamp)

        /// - Parameter stamp: `nil` when there is no such resource.
        public func holds(for stamp: Stamp?) -> Bool {
            switch self {
            case .any: stamp != nil
            case .none: stamp == nil
            case .stamp(let expected): stamp == expected
            }
        }
    }
}
