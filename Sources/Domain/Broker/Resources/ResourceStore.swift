public import FoundationEssentials

/// Where resources are stored. As with ``Store``: acknowledged means durable, and a change and its record are written
/// together.
public protocol ResourceStore: Sendable {
    /// Writes the next version of a resource, which becomes the current one. Old versions over ``Resource/oldVersions``
    /// are removed, the oldest first.
    func put(
        _ resource: NewResourceVersion, expecting expected: Resource.Expectation?, at time: Date,
        recording record: @escaping @Sendable (_ replaced: Bool) -> AuditRecord
    ) async throws -> ResourcePutOutcome

    func removeResource(
        _ path: ResourcePath, expecting expected: Resource.Expectation?, recording record: AuditRecord
    ) async throws -> ResourceChangeOutcome

    /// - Parameter record: makes the record from the policy that the resource has after the change.
    func changeResource(
        _ path: ResourcePath, _ change: ResourceChange, expecting expected: Resource.Expectation?, at time: Date,
        recording record: @escaping @Sendable (_ policy: PolicyName?) -> AuditRecord
    ) async throws -> ResourceChangeOutcome

    func resource(_ path: ResourcePath) async throws -> Resource?

    /// Resources ordered by path, those after `path`.
    ///
    /// - Parameter search: a substring of their paths; empty for all.
    func resources(after path: String, search: String, limit: Int) async throws -> [Resource]

    /// A resource's stored versions, latest first; empty when it does not exist.
    func versions(of path: ResourcePath) async throws -> [Resource.Version]

    /// A resource with its sealed current version.
    func sealedResource(_ path: ResourcePath) async throws -> SealedResource?

    /// A workload with its sealed secret.
    func sealedSecret(of id: WorkloadID) async throws -> StoredSecret?

    /// Writes the record of a release, if the rows it was decided on, and the denials, are unchanged. In the trail the
    /// record then stands before each later denial.
    func record(_ release: ResourceRelease, at time: Date, recording record: AuditRecord) async throws
        -> ResourceReleaseOutcome
}

/// A version to be stored.
public struct NewResourceVersion: Sendable {
    public let path: ResourcePath
    /// The number that it was sealed with: the latest number plus one.
    public let number: Int
    public let sealed: Sealed
    /// The secret's size in bytes.
    public let size: Int
    /// `nil` leaves the resource's policy.
    public let policy: PolicyChoice?
    /// `nil` leaves the current version's binding.
    public let binding: HostDataBinding?

    public init(
        path: ResourcePath, number: Int, sealed: Sealed, size: Int, policy: PolicyChoice?,
        binding: HostDataBinding? = nil
    ) {
        self.binding = binding
        self.path = path
        self.number = number
        self.sealed = sealed
        self.size = size
        self.policy = policy
    }
}

/// The policy to give a resource.
public enum PolicyChoice: Sendable, Hashable {
    /// No policy: the resource is released to no guest.
    case none
    case named(PolicyName)

    public var name: PolicyName? { if case .named(let name) = self { name } else { nil } }
}

public enum ResourcePutOutcome: Sendable, Hashable {
    /// The stored resource, and whether it existed before.
    case done(Resource, replaced: Bool)
    /// Another version with this number was put meanwhile: seal it again, with the next number.
    case overtaken
    /// The precondition does not hold.
    case changed
    /// A workload has this name.
    case isWorkload
    case unknownPolicy
    /// The master key that the version is sealed under has been retired.
    case keyRetired
}

/// A change of a resource other than a new version.
public enum ResourceChange: Sendable, Hashable {
    case disabled(Bool)
    /// Sets the policy of all stored versions.
    case policy(PolicyChoice)
    /// Makes a stored version the current one, and its policy the resource's.
    case current(Int)
}

public enum ResourceChangeOutcome: Sendable, Hashable {
    case done
    case missing
    case changed
    case unknownPolicy
    /// The version is not stored.
    case unknownVersion
}

/// A resource with its sealed current version.
public struct SealedResource: Sendable, Hashable {
    public let resource: Resource
    public let sealed: Sealed

    public init(resource: Resource, sealed: Sealed) {
        self.resource = resource
        self.sealed = sealed
    }
}

/// A release: the reader, and the rows that the decision rests on.
public struct ResourceRelease: Sendable, Hashable {
    public enum Source: Sendable, Hashable {
        case resource(Resource, policy: PolicyInForce.Stamp)
        /// - Parameter policy: the workload's policy, if its registration names one.
        case workload(Workload, policy: PolicyInForce.Stamp?)
    }

    public let source: Source
    public enum Reader: Sendable, Hashable {
        /// The session's id, 16 bytes.
        case attested([UInt8])
        case foreign(StoredForeignGuest)
    }

    public let reader: Reader
    /// ``DenialStore/denyListState`` from before the endorsers were compared with the denials.
    public let denyListState: Int64

    public init(_ source: Source, to reader: Reader, denyListState: Int64) {
        self.source = source
        self.reader = reader
        self.denyListState = denyListState
    }
}

/// A guest of another verifier, stored from its first release on, so that it can be listed and ended.
public struct StoredForeignGuest: Sendable, Hashable {
    /// A hash over the guest's issuer and key, 16 bytes.
    public let id: [UInt8]
    public let issuer: String
    public let tee: String
    public let chip: String
    /// The token's `iat`, in whole seconds. Tokens issued before the guest was ended are refused.
    public let issued: Date
    /// When the token expires.
    public let expires: Date

    public init(id: [UInt8], issuer: String, tee: String, chip: String, issued: Date, expires: Date) {
        self.id = id
        self.issuer = issuer
        self.tee = tee
        self.chip = chip
        self.issued = issued
        self.expires = expires
    }
}

public enum ResourceReleaseOutcome: Sendable, Hashable {
    case done
    /// The guest's session has ended, or its token is barred.
    case ended
    /// The resource, its policy, the workload or the denials have changed: decide again.
    case changed
}

/// The position of a version in the database, by which pages continue.
public struct ResourcePlace: Sendable, Hashable {
    public let row: Resource.Row
    public let version: Int

    public init(row: Resource.Row, version: Int) {
        self.row = row
        self.version = version
    }

    /// The position before the first version.
    public static let start = ResourcePlace(row: 0, version: 0)
}

/// A version of a resource as stored.
public struct StoredResourceVersion: Sendable, Hashable {
    public let place: ResourcePlace
    public let path: ResourcePath
    public let sealed: Sealed

    public init(place: ResourcePlace, path: ResourcePath, sealed: Sealed) {
        self.place = place
        self.path = path
        self.sealed = sealed
    }
}
