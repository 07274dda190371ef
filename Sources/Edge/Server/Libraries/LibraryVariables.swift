/// Environment variables that libraries read, beside the server's settings.
///
/// They decide which code runs, which algorithms exist, and where connections go: SECURITY.md explains each.
enum LibraryVariables {
    private static let names: Set<String> = [
        "OPENSSL_CONF", "OPENSSL_CONF_INCLUDE", "OPENSSL_ENGINES", "OPENSSL_MODULES", "https_proxy", "HTTPS_PROXY",
        "http_proxy", "no_proxy", "NO_PROXY",
    ]
    /// Prefixes of the dynamic linker's and libpq's variables.
    private static let prefixes = ["LD_", "PG"]

    /// The names of the variables that are set, sorted. Their values may hold passwords and are not returned.
    static func present(in environment: [String: String]) -> [String] {
        environment.keys.filter { name in names.contains(name) || prefixes.contains { name.hasPrefix($0) } }.sorted()
    }
}
