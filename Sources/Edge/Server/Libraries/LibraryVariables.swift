/// Variables of the environment that no setting is made of, and that libraries obey all the same.
///
/// They decide which code runs, which algorithms there are, and where connections go: SECURITY.md explains each.
enum LibraryVariables {
    private static let names: Set<String> = [
        "OPENSSL_CONF", "OPENSSL_CONF_INCLUDE", "OPENSSL_ENGINES", "OPENSSL_MODULES", "https_proxy", "HTTPS_PROXY",
        "http_proxy", "no_proxy", "NO_PROXY",
    ]
    /// Of the dynamic linker and of libpq.
    private static let prefixes = ["LD_", "PG"]

    /// The names of those that are set, in a stable order. Values may hold passwords.
    static func present(in environment: [String: String]) -> [String] {
        environment.keys.filter { name in names.contains(name) || prefixes.contains { name.hasPrefix($0) } }.sorted()
    }
}
