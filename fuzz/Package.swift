// swift-tools-version: 6.2
import PackageDescription

// A package of its own, because everything in it must be built with -sanitize=fuzzer: ../scripts/fuzz does.
func target(_ name: String, _ product: String) -> Target {
    .executableTarget(
        name: name, dependencies: [.product(name: product, package: "swift-kbs")],
        swiftSettings: [.unsafeFlags(["-parse-as-library"])])
}

let package = Package(
    name: "swift-kbs-fuzz",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "swift-kbs", path: "..")],
    targets: [
        target("FuzzSNPReport", "Evidence"), target("FuzzX509", "Evidence"), target("FuzzSEVCertificate", "Evidence"),
        target("FuzzJSON", "VirteeDialect"),
    ]
)
