public import FoundationEssentials

/// Where resources are kept. As with ``Store``: acknowledged means durable, and a change takes its record along.
public protocol ResourceStore: Sendable {
    /// Writes the next version of a resource, which becomes the current one. Of the old ones those are forgotten that
    /// are more than ``Resource/oldVersions``.
    func put(
        _ resource: NewResourceVersion, expecting expected: Resource.Expectation?, at time: Date,
        recording record: @escaping @Sendable (_ replaced: Bool) -> AuditRecord
    ) async throws -> ResourcePutOutcome

    func removeResource(
        _ path: ResourcePath, expecting expected: Resource.Expectation?, recording record: AuditRecord
    ) async throws -> ResourceChangeOutcome

    /// - Parameter record: is made with the policy that the resource has then.
    func changeResource(
        _ path: ResourcePath, _ change: ResourceChange, expecting expected: Resource.Expectation?, at time: Date,
        recording record: @escaping @Sendable (_ policy: PolicyName?) -> AuditRecord
    ) async throws -> ResourceChangeOutcome

    func resource(_ path: ResourcePath) async throws -> Resource?

    /// Resources in the order of their paths, from the first one after `path`.
    ///
    /// - Parameter search: what their paths hold; the empty text for all.
    func resources(after path: String, search: String, limit: Int) async throws -> [Resource]

    /// The versions that are kept of a resource, latest first; none when there is no such resource.
    func versions(of path: ResourcePath) async throws -> [Resource.Version]

    /// A resource with its current version.
    func sealedResource(_ path: ResourcePath) async throws -> SealedResource?

    /// A workload with its secret.
    func sealedSecret(of id: WorkloadID) async throws -> StoredSecret?

    /// Writes that a guest is given something, if all is still as it was when that was decided.
    func record(_ release: ResourceRelease, at time: Date, recording record: AuditRecord) async throws
        -> ResourceReleaseOutcome
}

/// A version that is to be stored.
public struct NewResourceVersion: Sendable {
    public let path: ResourcePath
    /// What it was sealed as: one more than the latest.
    public let number: Int
    public let sealed: Sealed
    /// Of what is sealed, in bytes.
    public let size: Int
    /// `nil` leaves what is there.
    public let policy: PolicyChoice?
    /// `nil` leaves what the current version has.
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

/// Which policy a resource is to have.
public enum PolicyChoice: Sendable, Hashable {
    /// None: nobody gets it.
    case none
    case named(PolicyName)

    public var name: PolicyName? { if case .named(let name) = self { name } else { nil } }
}

public enum ResourcePutOutcome: Sendable, Hashable {
    /// The resource as it is now, and whether there was one before.
    case done(Resource, replaced: Bool)
    /// Another version was put meanwhile: it must be sealed again, as the next one.
    case overtaken
    /// There is another than was expected, or none, or one where none was expected.
    case changed
    /// A workload is registered under this name.
    case isWorkload
    case unknownPolicy
    /// The master key that the version is sealed under has been retired.
    case keyRetired
}

/// What can be done to a resource beside giving it another version.
public enum ResourceChange: Sendable, Hashable {
    case disabled(Bool)
    /// For all versions that are kept.
    case policy(PolicyChoice)
    /// Makes a version that is kept the current one, and its policy the resource's.
    case current(Int)
}

public enum ResourceChangeOutcome: Sendable, Hashable {
    case done
    case missing
    case changed
    case unknownPolicy
    /// The version is not kept.
    case unknownVersion
}

/// A resource with its current version.
public struct SealedResource: Sendable, Hashable {
    public let resource: Resource
    public let sealed: Sealed

    public init(resource: Resource, sealed: Sealed) {
        self.resource = resource
        self.sealed = sealed
    }
}

/// What is given to whom, and what that was decided on.
public struct ResourceRelease: Sendable, Hashable {
    public enum Source: Sendable, Hashable {
        case resource(Resource, policy: PolicyInForce.Stamp)
        /// - Parameter policy: the workload's own, if it has one.
        case workload(Workload, policy: PolicyInForce.Stamp?)
    }

    public let source: Source
    public enum Reader: Sendable, Hashable {
        /// An attested guest's id.
        case attested([UInt8])
        case foreign(StoredForeignGuest)
    }

    public let reader: Reader

    public init(_ source: Source, to reader: Reader) {
        self.source = source
        self.reader = reader
    }
}

/// A guest that another verifier vouches for, as it is in the database from its first release on: so that it can be listed,
/// and ended.
public struct StoredForeignGuest: Sendable, Hashable {
    /// Of its issuer and its key, 16 bytes.
    public let id: [UInt8]
    public let issuer: String
    public let tee: String
    public let chip: String
    /// When its token was made, in whole seconds. One that was made before the guest was ended is none.
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
    /// The guest's session has ended.
    case ended
    /// The resource, its policy or the workload is not what it was: it must be decided again.
    case changed
}

/// Where a version of a resource is.
public struct ResourcePlace: Sendable, Hashable {
    public let row: Resource.Row
    public let version: Int

    public init(row: Resource.Row, version: Int) {
        self.row = row
        self.version = version
    }

    /// Before the first.
    public static let start = ResourcePlace(row: 0, version: 0)
}

/// A version of a resource, as it is in the database.
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
