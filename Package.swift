// swift-tools-version: 6.2
import PackageDescription

// `KBS_STRICT=1` (set by .ci/run) turns warnings in our own targets into errors. It is not the
// default, so that a newer compiler's new warning does not break an operator's build.
let strict = Context.environment["KBS_STRICT"] == "1"

let settings: [SwiftSetting] =
    [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ] + (strict ? [.treatAllWarnings(as: .error)] : [])

// The house has storeys, a storey has rooms, and a room looks into rooms below it. docs/design.md explains them.
func room(_ storey: String, _ name: String, _ imports: [Target.Dependency] = [], memorySafe: Bool = false) -> Target {
    .target(
        name: name, dependencies: imports, path: "Sources/\(storey)/\(name)",
        swiftSettings: settings + (memorySafe ? [.strictMemorySafety()] : []))
}
func base(_ name: String, _ imports: [Target.Dependency] = [], memorySafe: Bool = false) -> Target {
    room("Base", name, imports, memorySafe: memorySafe)
}
func domain(_ name: String, _ imports: [Target.Dependency]) -> Target { room("Domain", name, imports) }
func edge(_ name: String, _ imports: [Target.Dependency]) -> Target { room("Edge", name, imports) }
func program(_ name: String, _ imports: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: imports, path: "Sources/Programs/\(name)", swiftSettings: settings)
}
func system(_ name: String, _ package: String) -> Target {
    .systemLibrary(name: name, path: "Sources/Systems/\(name)", providers: [.apt([package])])
}
func tests(_ storey: String, _ name: String, _ imports: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(
        name: name, dependencies: imports, path: "Tests/\(storey)/\(name)", exclude: exclude, swiftSettings: settings)
}
func support(_ name: String, _ imports: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: imports, path: "Tests/Support/\(name)", swiftSettings: settings)
}

let systems: [Target] = [
    system("CEpoll", "libc6-dev"),
    // prctl(2), mlockall(2) and resource limits.
    system("CProcess", "libc6-dev"),
    system("COpenSSL", "libssl-dev"),
    // Initialises OpenSSL before main.
    .target(
        name: "COpenSSLStart", path: "Sources/Systems/COpenSSLStart", linkerSettings: [.linkedLibrary("crypto")]),
    system("CNettle", "nettle-dev"),
    system("CSQLite", "libsqlite3-dev"),
    system("CCurl", "libcurl4-openssl-dev"),
    system("CLibPQ", "libpq-dev"),
    // The header of PKCS #11; modules are loaded at run time.
    system("CPKCS11", "libp11-kit-dev"),
    // Linux's SNP guest device.
    system("CSEVGuest", "linux-libc-dev"),
    // The kernel's clock discipline.
    system("CTimex", "libc6-dev"),
]

let rooms: [Target] = [
    base("Bytes"),
    base("Concurrency"),
    base("Files", ["Bytes"]),
    base("Crypto", ["Bytes", "COpenSSL", "COpenSSLStart", "Concurrency", "Formats"]),
    base("FastP384", ["Bytes", "CNettle", "Crypto"]),
    base("Formats", ["Bytes"], memorySafe: true),
    base("JOSE", ["Bytes", "Crypto", "Formats"]),
    base("X509", ["Bytes", "COpenSSL", "Crypto", "Files", "Formats"]),
    base("TLS", ["Bytes", "COpenSSL", "COpenSSLStart", "Concurrency", "Crypto", "Files", "X509"]),
    base("HTTP", ["Bytes", "Formats"], memorySafe: true),
    base("Logging", ["Concurrency"]),
    base("Metrics", ["Concurrency"]),
    base("Lifecycle", ["CProcess", "Concurrency", "Logging"]),
    base("Tracing", ["Concurrency", "Formats"]),
    base("HTTPServer", ["Bytes", "CEpoll", "Concurrency", "Files", "HTTP", "TLS", "X509"]),
    base("HTTPClient", ["CCurl", "COpenSSLStart", "Concurrency", "HTTP"]),
    base("SQLite", ["CSQLite", "Concurrency"]),
    base("PostgreSQL", ["Bytes", "CLibPQ", "COpenSSLStart", "Files"]),
    base("Arguments", ["Bytes", "Concurrency", "Files"]),

    domain("Evidence", ["Bytes", "Concurrency", "Crypto", "Formats"]),
    domain("SimulatedHardware", ["Bytes", "Crypto", "Evidence", "Formats", "HTTP", "HTTPClient"]),
    domain("LaunchDigest", ["Bytes", "Crypto", "Formats"]),
    domain("Appraisal", ["Bytes", "Crypto", "Evidence", "Formats"]),
    domain("Broker", ["Appraisal", "Bytes", "Concurrency", "Crypto", "Evidence", "Formats", "Tracing"]),
    domain("MasterKeys", ["Bytes", "CPKCS11", "Concurrency", "Crypto", "Files"]),
    domain(
        "Storage",
        ["Broker", "Bytes", "Concurrency", "Crypto", "Evidence", "Files", "PostgreSQL", "SQLite"]),
    domain("JSONWebTokens", ["Broker", "Bytes", "Files", "HTTP", "HTTPClient", "JOSE", "Logging"]),
    domain("Operators", ["Broker", "Bytes", "Crypto", "Formats", "JOSE", "JSONWebTokens", "X509"]),
    domain(
        "Endorsements",
        ["Broker", "Bytes", "Concurrency", "Evidence", "Files", "Formats", "HTTP", "HTTPClient", "Tracing"]),
    domain("OpenPolicyAgent", ["Broker", "Bytes", "Files", "Formats", "HTTP", "HTTPClient"]),

    edge("HTTPEdge", ["Broker", "Bytes", "Formats", "HTTP", "HTTPServer", "Logging"]),
    edge(
        "VirteeDialect",
        ["Broker", "Bytes", "Concurrency", "Crypto", "Evidence", "Formats", "HTTP", "HTTPEdge", "Logging"]),
    edge(
        "CoCoDialect",
        [
            "Broker", "Bytes", "Concurrency", "Crypto", "Evidence", "Formats", "HTTP", "HTTPEdge", "JOSE",
            "JSONWebTokens", "Logging",
        ]),
    edge(
        "Administration",
        [
            "Broker", "Bytes", "CoCoDialect", "Concurrency", "Crypto", "Evidence", "Formats", "HTTP", "HTTPClient",
            "HTTPEdge", "JSONWebTokens", "Logging", "Operators", "VirteeDialect",
        ]),
    edge(
        "Installation",
        [
            "Broker", "Bytes", "CTimex", "Concurrency", "Crypto", "Endorsements", "Evidence", "FastP384", "Files",
            "Formats", "HTTP", "HTTPClient", "JOSE", "JSONWebTokens", "Lifecycle", "Logging", "MasterKeys",
            "OpenPolicyAgent", "Operators", "PostgreSQL", "Release", "SQLite", "Storage", "TLS", "X509",
        ]),
    edge(
        "Server",
        [
            "Administration", "Broker", "Bytes", "CoCoDialect", "Concurrency", "Endorsements", "Evidence", "FastP384",
            "Files", "HTTP", "HTTPClient", "HTTPEdge", "HTTPServer", "Installation", "JSONWebTokens", "Lifecycle",
            "Logging", "Metrics", "Operators", "Release", "Storage", "TLS", "Tracing",
            "VirteeDialect", "X509",
        ]),
    edge("Release", []),
    edge("Guest", ["Bytes", "CSEVGuest", "Crypto", "Evidence", "Files", "Formats", "HTTP", "TLS", "X509"]),
    edge("GuestCommands", ["Arguments", "Files", "Guest", "Lifecycle", "Release"]),
    edge(
        "Commands",
        [
            "Administration", "Appraisal", "Arguments", "Broker", "Bytes", "Crypto", "Endorsements", "Evidence",
            "Files", "Formats", "GuestCommands", "HTTP", "HTTPClient", "HTTPEdge", "Installation", "LaunchDigest",
            "Logging", "MasterKeys", "Release", "SQLite", "Server", "SimulatedHardware", "Storage", "X509",
        ]),

    program("kbs", ["Arguments", "Commands", "Crypto", "HTTPClient", "Lifecycle"]),
    program("kbs-guest", ["Arguments", "Crypto", "GuestCommands"]),
]

let programs: [Target] = [
    program(
        "kbs-bench",
        [
            "Arguments", "Broker", "BrokerSupport", "Bytes", "Concurrency", "Crypto", "Evidence", "FastP384", "Files",
            "Formats", "HTTP", "HTTPClient", "HTTPServer", "MasterKeys", "PostgreSQL", "SimulatedHardware", "Storage",
            "TLS", "TestSupport", "X509",
        ])
]

let supports: [Target] = [
    support("TLSSupport", ["Bytes", "TestSupport", "X509"]),
    support("TestSupport", ["Bytes", "Concurrency"]),
    support("SampleCommands", ["Arguments", "Bytes"]),
    .executableTarget(
        name: "sample-program", dependencies: ["SampleCommands", "Arguments"], path: "Tests/Support/sample-program",
        swiftSettings: settings),
    support("EvidenceSupport", ["Appraisal", "Bytes", "Crypto", "Evidence", "SimulatedHardware", "TestSupport"]),
    support("EdgeSupport", ["Bytes", "Concurrency", "HTTP", "HTTPServer", "TLS", "TestSupport", "X509"]),
    support("InMemoryTracing", ["Concurrency", "Tracing"]),
    support(
        "BrokerSupport",
        [
            "Broker", "Bytes", "Concurrency", "Crypto", "Evidence", "EvidenceSupport", "HTTP", "HTTPClient",
            "PostgreSQL", "SimulatedHardware", "Storage", "TestSupport",
        ]),
]

let testTargets: [Target] = [
    tests("Base", "ArgumentsTests", ["Arguments", "SampleCommands", "TestSupport", "sample-program"]),
    tests("Base", "BytesTests", ["Bytes"]),
    tests("Base", "ConcurrencyTests", ["Concurrency"]),
    tests("Base", "FormatsTests", ["Bytes", "Formats", "TestSupport"]),
    tests("Base", "CryptoTests", ["Bytes", "Crypto", "TestSupport"]),
    tests("Base", "FastP384Tests", ["Bytes", "Crypto", "FastP384", "Formats", "TestSupport"]),
    tests("Base", "JOSETests", ["Bytes", "Crypto", "Formats", "JOSE", "TestSupport"], exclude: ["independent.py"]),
    tests("Base", "LifecycleTests", ["Concurrency", "Lifecycle", "Logging"]),
    tests("Base", "HTTPTests", ["Bytes", "HTTP"]),
    tests("Base", "HTTPClientTests", ["Concurrency", "HTTP", "HTTPClient", "TLS", "TLSSupport", "X509"]),
    tests(
        "Base", "HTTPServerTests",
        ["Bytes", "Concurrency", "EdgeSupport", "HTTP", "HTTPServer", "TLS", "TLSSupport", "TestSupport", "X509"]),
    tests(
        "Edge", "HTTPEdgeTests",
        ["Broker", "Bytes", "EdgeSupport", "Formats", "HTTP", "HTTPEdge", "HTTPServer", "Logging"]),
    tests("Base", "SQLiteTests", ["Concurrency", "SQLite"]),
    tests("Base", "PostgreSQLTests", ["BrokerSupport", "PostgreSQL"]),
    tests("Base", "FilesTests", ["Bytes", "Files"]),
    tests("Base", "LoggingTests", ["Bytes", "Concurrency", "Logging"]),
    tests("Base", "MetricsTests", ["Metrics"]),
    tests("Base", "TLSTests", ["Bytes", "COpenSSL", "Crypto", "TLS", "TLSSupport", "X509"]),
    tests("Base", "TracingTests", ["Bytes", "Concurrency", "Formats", "InMemoryTracing", "TestSupport", "Tracing"]),
    tests("Base", "X509Tests", ["Bytes", "TLSSupport", "X509"]),
    tests(
        "Domain", "EvidenceTests",
        ["Appraisal", "Bytes", "Crypto", "Evidence", "EvidenceSupport", "Formats", "SimulatedHardware", "TestSupport"]),
    tests(
        "Domain", "LaunchDigestTests", ["Bytes", "Crypto", "LaunchDigest", "TestSupport"], exclude: ["measure.py"]),

    tests(
        "Domain", "BrokerTests",
        [
            "Broker", "BrokerSupport", "Bytes", "Concurrency", "Crypto", "Evidence", "EvidenceSupport",
            "InMemoryTracing", "PostgreSQL", "SQLite", "SimulatedHardware", "Storage", "TestSupport", "Tracing",
        ]),
    tests(
        "Domain", "StorageTests",
        [
            "Broker", "BrokerSupport", "Bytes", "Concurrency", "Crypto", "Evidence", "EvidenceSupport", "HTTP",
            "HTTPClient",
            "MasterKeys", "PostgreSQL", "SQLite", "SimulatedHardware", "Storage", "TestSupport",
        ]),
    tests(
        "Domain", "JSONWebTokensTests",
        [
            "Broker", "Bytes", "Concurrency", "Crypto", "EdgeSupport", "Formats", "HTTP", "HTTPClient", "HTTPServer",
            "JOSE", "JSONWebTokens", "Logging", "TestSupport",
        ]),
    tests("Domain", "AppraisalTests", ["Appraisal", "Bytes", "Crypto", "Evidence", "EvidenceSupport", "Formats"]),
    tests("Domain", "MasterKeysTests", ["Bytes", "Crypto", "Files", "MasterKeys", "TestSupport"]),
    tests(
        "Domain", "EndorsementsTests",
        [
            "Appraisal", "Broker", "BrokerSupport", "Bytes", "Concurrency", "Crypto", "EdgeSupport", "Endorsements",
            "Evidence", "EvidenceSupport", "HTTP", "HTTPClient", "HTTPServer", "InMemoryTracing", "SimulatedHardware",
            "Storage", "TestSupport", "Tracing",
        ]),
    tests(
        "Domain", "OpenPolicyAgentTests",
        ["Broker", "EdgeSupport", "HTTP", "HTTPClient", "HTTPServer", "OpenPolicyAgent", "TestSupport"]),
    tests(
        "Edge", "VirteeDialectTests",
        ["Broker", "Bytes", "Evidence", "EvidenceSupport", "Formats", "SimulatedHardware", "VirteeDialect"]),
    tests(
        "Edge", "CoCoDialectTests",
        [
            "Broker", "BrokerSupport", "Bytes", "CoCoDialect", "Concurrency", "Crypto", "Evidence", "EvidenceSupport",
            "Formats", "HTTP", "HTTPClient", "HTTPEdge", "JOSE", "JSONWebTokens", "Logging", "SimulatedHardware",
            "Storage", "TestSupport",
        ]),
    tests(
        "Edge", "GuestTests",
        [
            "Bytes", "Concurrency", "Evidence", "EvidenceSupport", "Guest", "HTTP", "HTTPClient", "Installation",
            "Logging", "Release", "Server", "SimulatedHardware", "TLS", "TLSSupport", "TestSupport", "X509",
            "kbs-guest",
        ], exclude: ["DeviceShim.c"]),
    tests(
        "Edge", "InstallationTests",
        [
            "Broker", "BrokerSupport", "Bytes", "Evidence", "EvidenceSupport", "HTTP", "Installation", "MasterKeys",
            "OpenPolicyAgent", "Storage", "TLS", "TestSupport",
        ]),
    tests(
        "Edge", "ServerTests",
        [
            "Administration", "Broker", "BrokerSupport", "Bytes", "CoCoDialect", "Concurrency", "Crypto",
            "EdgeSupport", "Endorsements", "Evidence", "EvidenceSupport", "Files", "Formats", "HTTP", "HTTPClient",
            "HTTPEdge", "HTTPServer", "InMemoryTracing", "Installation", "JOSE", "Logging", "MasterKeys", "Metrics",
            "OpenPolicyAgent", "Operators", "PostgreSQL", "Server", "SimulatedHardware", "Storage", "TLS", "TLSSupport",
            "TestSupport", "Tracing", "VirteeDialect", "X509", "kbs", "kbs-guest",
        ]),
    tests("Edge", "CommandsTests", ["Arguments", "Commands", "Concurrency", "TLSSupport", "TestSupport", "kbs"]),
]

// For fuzz/, which is a package of its own.
let products: [Product] =
    [
        "Formats", "HTTP", "JOSE", "Appraisal", "Evidence", "LaunchDigest", "SimulatedHardware", "VirteeDialect",
        "CoCoDialect",
        "Administration", "Broker", "Endorsements", "Guest", "HTTPEdge", "OpenPolicyAgent",
    ].map { .library(name: $0, targets: [$0]) }

let package = Package(
    name: "swift-kbs", products: products, targets: systems + rooms + programs + supports + testTargets)
