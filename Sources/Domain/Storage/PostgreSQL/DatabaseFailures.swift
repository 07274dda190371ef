import Broker
import PostgreSQL

extension PostgreSQLUnusable {
    static let isEmpty = PostgreSQLUnusable(
        description:
            "The database has no tables of a broker: see that storage.url names the right one, and then start a "
            + "server on it, or run `kbs migrate`.")
}

extension Refusal {
    /// The database could not be asked, or did not answer, in time.
    static func databaseUnavailable(retryAfter seconds: Int = 5) -> Refusal {
        Refusal(.unavailable, "The server's database cannot be reached now: try again.", retryAfter: seconds)
    }

    static let tooManyWait = Refusal(
        .unavailable, "Too many requests wait for the server's database: try again.", retryAfter: 5)
}
