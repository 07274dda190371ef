public import FoundationEssentials

/// How much a store holds, for whoever watches the server. Asked now and then, not for each request.
public protocol StoreStatistics: Sendable {
    func countWorkloads() async throws -> Int

    func countResources() async throws -> Int

    /// Sessions that have not expired, those of guests that named no workload too.
    func countSessions(at time: Date) async throws -> Int

    /// Writes and reads something, and returns when it is on the disk.
    ///
    /// - Throws: what is wrong with the store.
    func probe() async throws
}
