/// A load on replicas that share a database, and what each part of it used.
struct ClusterMeasurement {
    let load: Load
    /// CPU time in seconds, of one handshake.
    let serverCPU: Double
    /// The same of PostgreSQL, all its processes together. `nil` with SQLite, which is in the server.
    var databaseCPU: Double?
    /// The same of the simulated guests.
    let clientCPU: Double
    /// `nil` with SQLite.
    var log: Log?

    /// Of PostgreSQL's write-ahead log, for one handshake.
    struct Log {
        /// Bytes of changes.
        let changes: Double
        /// Bytes of whole pages.
        let pages: Double
        let flushes: Double
        /// Transactions that wrote.
        let transactions: Double
        /// All transactions, also those that only read.
        let commits: Double
    }

    static let heading = """
        | | handshakes/s | p50 | p99 | kbs CPU | PostgreSQL CPU | guests' CPU | WAL of changes | of whole pages | flushes | write transactions | all |
        | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
        """

    func row(_ name: String) -> String {
        let log = log.map {
            [
                "\(Int($0.changes)) B", "\(Int($0.pages)) B", decimal($0.flushes), decimal($0.transactions),
                decimal($0.commits),
            ]
        }
        let cells =
            [
                name, "\(Int(load.rate.rounded()))", milli(load.percentile(0.5)), milli(load.percentile(0.99)),
                micro(serverCPU), databaseCPU.map(micro) ?? "-", micro(clientCPU),
            ] + (log ?? Array(repeating: "-", count: 5))
        return "| " + cells.joined(separator: " | ") + " |"
    }
}
