public import FoundationEssentials

/// Counts of a store's rows, for metrics. Read at intervals, not for each request.
public protocol StoreStatistics: Sendable {
    func countWorkloads() async throws -> Int

    func countResources() async throws -> Int

    /// Sessions that have not expired, including those of guests that named no workload.
    func countSessions(at time: Date) async throws -> Int

    /// Writes, flushes to the disk and reads, as a health check.
    ///
    /// - Throws: the store's failure.
    func probe() async throws
}
