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

extension Target.Dependency {
    static let argumentParser = product(name: "ArgumentParser", package: "swift-argument-parser")
    static let asn1 = product(name: "SwiftASN1", package: "swift-asn1")
    static let asyncHTTPClient = product(name: "AsyncHTTPClient", package: "async-http-client")
    static let crypto = product(name: "Crypto", package: "swift-crypto")
    static let cryptoExtras = product(name: "CryptoExtras", package: "swift-crypto")
    static let grdb = product(name: "GRDB", package: "GRDB.swift")
    static let certificates = product(name: "X509", package: "swift-certificates")
    static let httpTypes = product(name: "HTTPTypes", package: "swift-http-types")
    static let hummingbird = product(name: "Hummingbird", package: "hummingbird")
    static let hummingbirdCore = product(name: "HummingbirdCore", package: "hummingbird")
    static let jwtKit = product(name: "JWTKit", package: "jwt-kit")
    static let logging = product(name: "Logging", package: "swift-log")
    static let metrics = product(name: "CoreMetrics", package: "swift-metrics")
    static let nioCore = product(name: "NIOCore", package: "swift-nio")
    static let nioFoundationCompat = product(name: "NIOFoundationEssentialsCompat", package: "swift-nio")
    static let nioHTTP1 = product(name: "NIOHTTP1", package: "swift-nio")
    static let nioPosix = product(name: "NIOPosix", package: "swift-nio")
    static let nioSSL = product(name: "NIOSSL", package: "swift-nio-ssl")
    static let serviceLifecycle = product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
    static let tomlKit = product(name: "TOMLKit", package: "TOMLKit")
    static let tracing = product(name: "Tracing", package: "swift-distributed-tracing")
    static let inMemoryTracing = product(name: "InMemoryTracing", package: "swift-distributed-tracing")
    static let unixSignals = product(name: "UnixSignals", package: "swift-service-lifecycle")
}

// The rooms of the house, and which rooms each may look into. docs/design.md explains them.
let package = Package(
    name: "swift-kbs",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "kbs", targets: ["kbs"]),
        .executable(name: "kbs-bench", targets: ["kbs-bench"]),
        .library(name: "Evidence", targets: ["Evidence"]),
        .library(name: "Broker", targets: ["Broker"]),
        .library(name: "VirteeDialect", targets: ["VirteeDialect"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-asn1.git", from: "1.7.4"),
        .package(url: "https://github.com/apple/swift-certificates.git", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-crypto.git", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-distributed-tracing.git", from: "1.7.3"),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics.git", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.6"),
        .package(url: "https://github.com/groue/GRDB.swift.git", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.1", traits: []),
        .package(url: "https://github.com/LebJe/TOMLKit.git", from: "0.6.0"),
        .package(url: "https://github.com/swift-server/async-http-client.git", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
        .package(url: "https://github.com/vapor/jwt-kit.git", from: "5.7.1"),
    ],
    targets: [
        .target(name: "Evidence", dependencies: [.asn1, .crypto, .cryptoExtras], swiftSettings: settings),
        .target(name: "Broker", dependencies: ["Evidence", .crypto, .cryptoExtras, .tracing], swiftSettings: settings),
        // PostgreSQL's client library (Debian's libpq-dev). Not by pkg-config: its header finds it.
        .systemLibrary(name: "CLibPQ", providers: [.apt(["libpq-dev"])]),
        .target(name: "Storage", dependencies: ["Broker", "CLibPQ", "Evidence", .grdb], swiftSettings: settings),
        .target(
            name: "Endorsements",
            dependencies: ["Broker", "Evidence", .asyncHTTPClient, .nioCore, .nioHTTP1, .tracing],
            swiftSettings: settings),
        .target(
            name: "VirteeDialect", dependencies: ["Broker", "Evidence", .httpTypes, .hummingbird, .logging, .nioCore],
            swiftSettings: settings),
        // OpenSSL's libcrypto (Debian's libssl-dev), for what swift-crypto does not have: KMAC256.
        // Not by pkg-config, whose flags would reach every target.
        .systemLibrary(name: "COpenSSL", providers: [.apt(["libssl-dev"])]),
        .target(
            name: "JSONWebTokens",
            dependencies: [
                "Broker", "Evidence", .asyncHTTPClient, .jwtKit, .logging, .nioCore, .nioFoundationCompat, .nioHTTP1,
            ],
            swiftSettings: settings),
        .target(
            name: "CoCoDialect",
            dependencies: [
                "Broker", "COpenSSL", "Evidence", "JSONWebTokens", .crypto, .cryptoExtras, .httpTypes, .hummingbird,
                .jwtKit, .logging, .nioCore,
            ], swiftSettings: settings),
        // What operators write: policies and reference values.
        .target(name: "Policies", dependencies: ["Broker", "Evidence", .tomlKit], swiftSettings: settings),
        .target(
            name: "OpenPolicyAgent",
            dependencies: ["Broker", .asyncHTTPClient, .nioCore, .nioFoundationCompat, .nioHTTP1, .nioSSL],
            swiftSettings: settings),
        .target(
            name: "Administration",
            dependencies: [
                "Broker", "CoCoDialect", "Evidence", "JSONWebTokens", "Policies", "VirteeDialect", .asn1,
                .asyncHTTPClient,
                .certificates, .crypto, .httpTypes,
                .hummingbird, .jwtKit, .logging, .nioCore, .nioFoundationCompat, .nioHTTP1,
            ], swiftSettings: settings),
        // Header of the PKCS#11 standard (Debian's libp11-kit-dev); a token's module is loaded when it is used.
        // Not by pkg-config, which would have p11-kit's own library linked for it.
        .systemLibrary(name: "CPKCS11", providers: [.apt(["libp11-kit-dev"])]),
        .target(
            name: "MasterKeys", dependencies: ["Broker", "CPKCS11", "Evidence", .crypto], swiftSettings: settings),
        // Header of Linux's SNP guest device (Debian's linux-libc-dev).
        .systemLibrary(name: "CSEVGuest"),
        // Header of libc that asks the kernel whether its clock is kept right.
        .systemLibrary(name: "CTimex"),
        .target(
            name: "Guest",
            dependencies: [
                "CSEVGuest", "Evidence", .crypto, .cryptoExtras, .nioCore, .nioFoundationCompat, .nioHTTP1, .nioPosix,
                .nioSSL,
            ], swiftSettings: settings),
        .target(
            name: "Server",
            dependencies: [
                "Administration", "Broker", "CoCoDialect", "CTimex", "Endorsements", "Evidence", "JSONWebTokens",
                "MasterKeys", "OpenPolicyAgent",
                "Storage", "VirteeDialect",
                .asn1, .asyncHTTPClient, .certificates, .crypto, .httpTypes, .hummingbird, .hummingbirdCore, .logging,
                .metrics, .nioCore, .nioFoundationCompat, .nioHTTP1, .nioPosix, .nioSSL, .serviceLifecycle, .tomlKit,
                .tracing, .unixSignals,
            ], swiftSettings: settings),
        .target(
            name: "SimulatedHardware",
            dependencies: ["Evidence", .asn1, .asyncHTTPClient, .crypto, .cryptoExtras, .nioCore, .nioHTTP1],
            swiftSettings: settings),
        .executableTarget(
            name: "kbs",
            dependencies: [
                "Administration", "Broker", "Endorsements", "Evidence", "Guest", "MasterKeys", "Policies", "Server",
                "SimulatedHardware", "Storage", .argumentParser, .asyncHTTPClient, .crypto, .logging, .nioSSL,
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "kbs-bench",
            dependencies: [
                "Broker", "Evidence", "MasterKeys", "SimulatedHardware", "Storage", "TestSupport", .argumentParser,
                .asyncHTTPClient, .crypto, .nioCore, .nioSSL,
            ],
            swiftSettings: settings),

        .target(
            name: "TestSupport",
            dependencies: [
                "Broker", "Evidence", "SimulatedHardware", "Storage", .asyncHTTPClient, .crypto, .cryptoExtras,
                .httpTypes, .hummingbird, .hummingbirdCore, .logging, .nioCore, .nioHTTP1,
            ], path: "Tests/TestSupport", swiftSettings: settings),
        .testTarget(
            name: "EvidenceTests", dependencies: ["Evidence", "SimulatedHardware", "TestSupport", .crypto],
            swiftSettings: settings),
        .testTarget(
            name: "BrokerTests",
            dependencies: ["Broker", "Evidence", "SimulatedHardware", "Storage", "TestSupport", .crypto],
            swiftSettings: settings),
        .testTarget(
            name: "CoCoDialectTests",
            dependencies: [
                "Broker", "CoCoDialect", "Evidence", "JSONWebTokens", "SimulatedHardware", "Storage", "TestSupport",
                .crypto, .cryptoExtras, .jwtKit,
            ], exclude: ["independent.py"], swiftSettings: settings),
        .testTarget(
            name: "StorageTests",
            dependencies: ["Broker", "Evidence", "SimulatedHardware", "Storage", "TestSupport", .crypto, .grdb],
            swiftSettings: settings),
        .testTarget(
            name: "PoliciesTests",
            dependencies: ["Broker", "Evidence", "OpenPolicyAgent", "Policies", "TestSupport", .hummingbird, .nioCore],
            swiftSettings: settings),
        .testTarget(
            name: "EndorsementsTests",
            dependencies: [
                "Broker", "Endorsements", "Evidence", "SimulatedHardware", "Storage", "TestSupport", .asyncHTTPClient,
                .hummingbird,
            ], swiftSettings: settings),
        .testTarget(
            name: "ServerTests",
            dependencies: [
                "Administration", "Broker", "CoCoDialect", "Endorsements", "Evidence", "MasterKeys", "OpenPolicyAgent",
                "Server", "SimulatedHardware",
                "Storage", "TestSupport", "kbs", .asn1, .asyncHTTPClient, .certificates, .logging, .metrics, .nioCore,
                .nioHTTP1,
                .nioPosix, .nioSSL, .crypto, .httpTypes, .hummingbird, .hummingbirdCore, .inMemoryTracing, .jwtKit,
                .tracing,
            ], swiftSettings: settings),
        .testTarget(
            name: "MasterKeysTests",
            dependencies: ["Broker", "Evidence", "MasterKeys", "Storage", "TestSupport", .crypto],
            swiftSettings: settings),
        .testTarget(
            name: "GuestTests",
            dependencies: [
                "Broker", "Evidence", "Guest", "Server", "SimulatedHardware", "TestSupport", "kbs", .asn1,
                .asyncHTTPClient, .certificates, .crypto, .logging, .nioCore, .nioHTTP1, .nioPosix, .nioSSL,
            ], exclude: ["DeviceShim.c"], swiftSettings: settings),
    ]
)
