import CLibPQ

/// The loaded libpq.
public enum PostgreSQLLibrary {
    /// E.g. `15.14`.
    public static var version: String {
        // The last four digits are the minor version.
        let number = PQlibVersion()
        return "\(number / 10_000).\(number % 10_000)"
    }
}
