import CLibPQ

/// PostgreSQL's client library, libpq, as it was loaded.
public enum PostgreSQLLibrary {
    /// E.g. `15.14`.
    public static var version: String {
        // Since version 10 the last four digits are the minor one.
        let number = PQlibVersion()
        return "\(number / 10_000).\(number % 10_000)"
    }
}
