/// What operators do to resources. Who may, is decided before.
extension Broker {
    /// Stores the next version of a resource, durably, and makes it the current one.
    ///
    /// - Parameters:
    ///   - policy: `nil` leaves what is there.
    ///   - expected: what must be there, if it matters.
    /// - Returns: the resource as it is then, and whether there was one before.
    /// - Throws: a ``Refusal``.
    @discardableResult
    public func putResource(
        _ path: ResourcePath, _ secret: Secret, policy: PolicyChoice? = nil,
        expecting expected: Resource.Expectation? = nil, by actor: Actor
    ) async throws -> (resource: Resource, replaced: Bool) {
        throw Refusal.beingBuilt
    }

    /// Removes a resource with all its versions.
    public func removeResource(
        _ path: ResourcePath, expecting expected: Resource.Expectation? = nil, by actor: Actor
    ) async throws {
        throw Refusal.beingBuilt
    }
}

/// Which policy a resource is to have.
public enum PolicyChoice: Sendable, Hashable {
    /// None: nobody gets it.
    case none
    case named(PolicyName)
}
