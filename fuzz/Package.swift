// swift-tools-version: 6.2
import PackageDescription

// A package of its own, because everything in it must be built with -sanitize=fuzzer: ../scripts/fuzz does, and knows
// the targets by their folders.
func fuzz(_ name: String, _ products: [String]) -> Target {
    .executableTarget(
        name: name,
        dependencies: ["FuzzSupport"] + products.map { .product(name: $0, package: "swift-kbs") },
        swiftSettings: [.unsafeFlags(["-parse-as-library"])])
}

let package = Package(
    name: "swift-kbs-fuzz",
    dependencies: [.package(name: "swift-kbs", path: "..")],
    targets: [
        .target(name: "FuzzSupport"),
        fuzz("FuzzJSON", ["Formats"]),
        fuzz("FuzzTOML", ["Formats"]),
        fuzz("FuzzDER", ["Formats"]),
        fuzz("FuzzPEM", ["Formats"]),
        fuzz("FuzzJWT", ["JOSE"]),
        fuzz("FuzzHTTPRequest", ["HTTP"]),
        fuzz("FuzzHTTPResponse", ["HTTP"]),
        fuzz("FuzzX509", ["Evidence"]),
        fuzz("FuzzSNPReport", ["Appraisal", "Evidence", "SimulatedHardware"]),
        fuzz("FuzzSEVCertificate", ["Evidence"]),
        fuzz("FuzzLaunchDigest", ["LaunchDigest"]),
        fuzz("FuzzVirteeBody", ["VirteeDialect"]),
        fuzz("FuzzCoCoBody", ["CoCoDialect"]),
        fuzz("FuzzInitData", ["CoCoDialect"]),
        fuzz("FuzzProxyHeader", ["HTTP"]),
        // These look into rooms, which are built with -enable-testing for it.
        fuzz("FuzzGuest", ["Guest"]),
        fuzz("FuzzCallers", ["Administration", "Broker", "HTTPEdge"]),
        fuzz("FuzzUpstreams", ["Endorsements", "Formats", "OpenPolicyAgent", "JOSE"]),
    ]
)
