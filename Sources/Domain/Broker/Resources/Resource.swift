public import FoundationEssentials

/// A resource as operators see it, without its bytes.
///
/// Each put makes the next version. The current version is the one that is released.
public struct Resource: Sendable, Hashable {
    /// The id of one resource: a path that is removed and put again gets a new row.
    public typealias Row = Int64

    public let row: Row
    public let path: ResourcePath
    /// The policy that decides who gets it. A resource without a policy is released to no guest.
    public let policy: PolicyName?
    /// The version that is released.
    public let current: Version
    /// The number of the latest version.
    public let latest: Int
    /// Counts the resource's changes: puts, rollbacks, other policies, disabling.
    public let change: Int64
    /// Whether the resource is disabled: it is not released.
    public let isDisabled: Bool
    public let created: Date
    /// The time of the latest change.
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
        /// The secret's size in bytes.
        public let size: Int
        public let stored: Date
        /// The version's policy: the one it was put under, or that an operator gave the resource since. It becomes the
        /// resource's with a rollback, so that an old version under a strict policy is not released to more guests.
        public let policy: PolicyName?
        /// The HOST_DATA that a guest must have been launched with, beside the policy's rules; `nil` for none. It stays
        /// with the version for good.
        public let binding: HostDataBinding?

        public init(number: Int, size: Int, stored: Date, policy: PolicyName?, binding: HostDataBinding? = nil) {
            self.number = number
            self.size = size
            self.stored = stored
            self.policy = policy
            self.binding = binding
        }
    }

    /// The number of versions that are stored beside the current one: the latest.
    public static let oldVersions = 10

    /// A resource's revision (ETag): changes with each change of the resource.
    public struct Revision: Sendable, Hashable, CustomStringConvertible {
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

    public var revision: Revision { Revision(row: row, change: change) }

    public typealias Expectation = Precondition<Revision>
}
