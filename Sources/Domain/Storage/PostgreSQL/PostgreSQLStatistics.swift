public import Broker
public import FoundationEssentials
import PostgreSQL

extension PostgreSQLStore: ServerStore {
    public var isShared: Bool { true }

    public func clockOffset() async throws -> TimeInterval {
        let before = Date()
        let theirs =
            try await lookUp("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
            .first?.integer(0) ?? 0
        let after = Date()
        // The server read its clock between the two.
        return Date(milliseconds: theirs).timeIntervalSince(
            before.addingTimeInterval(after.timeIntervalSince(before) / 2))
    }

    public func probe() async throws {
        // A logical message in the write-ahead log, which has no consumer: it costs a real write and a real flush, and
        // no row that all servers would contend for.
        try await transact { _ = try $0.run(TrailEnd.messageToNobody) }
        guard try await lookUp("SELECT max(version) FROM kbs_schema").first?.optionalInteger(0) != nil else {
            throw PostgreSQLUnusable(description: "The database has no schema.")
        }
    }
}
