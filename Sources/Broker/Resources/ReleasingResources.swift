import Foundation

extension Broker {
    /// Gives a guest a resource, if the resource's policy says so. What was decided is in the trail before the resource
    /// leaves.
    ///
    /// - Parameters:
    ///   - path: of a resource, or the id of a workload that has the form of a path: then a guest gets the workload's
    ///     secret that was launched as the workload says.
    ///   - wrap: encrypts the secret to the guest's key, which is passed along.
    /// - Returns: what `wrap` made.
    /// - Throws: a ``Refusal``: `notFound` when there is nothing there, `policyRefused`, `resourceDisabled`,
    ///   `sessionInvalid` when the guest's session has ended meanwhile, `rateLimited`; or what `wrap` throws.
    public func releaseResource<Wrapped: Sendable>(
        _ path: ResourcePath, to reader: ResourceReader,
        wrappedBy wrap: (_ secret: Secret, _ key: String) throws -> Wrapped
    ) async throws -> Wrapped {
        throw Refusal.beingBuilt
    }
}
