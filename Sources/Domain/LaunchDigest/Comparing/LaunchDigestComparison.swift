/// A comparison of two launch digests: the settings that differ and, if both are explained, the first region that
/// differs.
public struct LaunchDigestComparison: Sendable, Hashable {
    /// A value that differs; nil on the side that does not have it.
    public struct Difference: Sendable, Hashable {
        public let name: String
        public let a: String?
        public let b: String?
    }

    /// The first region after which the digests differ.
    public struct Parting: Sendable, Hashable {
        /// From 0.
        public let index: Int
        /// nil when this guest has fewer regions.
        public let a: LaunchDigestDocument.Region?
        public let b: LaunchDigestDocument.Region?
        /// The digest of both before the region; nil at the first.
        public let common: String?
        /// The region's values that differ.
        public let differences: [Difference]
    }

    /// Whether the digests are the same.
    public let isSame: Bool
    /// Settings and inputs that differ, whether or not the digest depends on them.
    public let differences: [Difference]
    /// nil when the digests are the same, or one of them is not explained.
    public let parting: Parting?

    public init(_ a: LaunchDigestDocument, _ b: LaunchDigestDocument) {
        isSame = a.digest == b.digest
        differences = Self.differences(a.values, b.values)
        parting = isSame ? nil : a.regions.flatMap { first in b.regions.flatMap { Self.parting(first, $0) } }
    }

    private typealias Values = [(name: String, value: String?)]

    /// - Parameters: two lists with the same names, or with names of their own.
    private static func differences(_ a: Values, _ b: Values) -> [Difference] {
        let names = a.map(\.name) + b.map(\.name).filter { name in !a.contains { $0.name == name } }
        return names.compactMap { name in
            let left = a.first { $0.name == name }?.value
            let right = b.first { $0.name == name }?.value
            return left == right ? nil : Difference(name: name, a: left, b: right)
        }
    }

    private static func parting(
        _ a: [LaunchDigestDocument.Region], _ b: [LaunchDigestDocument.Region]
    ) -> Parting? {
        var common: String?
        for index in 0..<max(a.count, b.count) {
            let left = index < a.count ? a[index] : nil
            let right = index < b.count ? b[index] : nil
            if let left, let right, left.digestAfter == right.digestAfter {
                common = left.digestAfter
                continue
            }
            let both = left != nil && right != nil
            return Parting(
                index: index, a: left, b: right, common: common,
                differences: both ? differences(left?.values ?? [], right?.values ?? []) : [])
        }
        return nil
    }
}

extension LaunchDigestDocument {
    fileprivate var values: [(name: String, value: String?)] {
        [
            ("technology", technology), ("vmm", vmm), ("vcpus", vcpus.map(String.init)), ("cpu", cpu),
            ("cpu_signature", cpuSignature), ("guest_features", guestFeatures), ("vmsa", vmsa),
            ("vmsa_address", vmsaAddress), ("memory_mib", memoryMiB.map(String.init)),
            ("firmware size", "\(inputs.firmware.size)"), ("firmware sha256", inputs.firmware.sha256),
            ("kernel sha256", inputs.kernel?.sha256), ("initrd sha256", inputs.initrd?.sha256),
            ("command_line", inputs.commandLine),
        ]
    }
}

extension LaunchDigestDocument.Region {
    /// The contents' digest is included only where the contents have no named details.
    fileprivate var values: [(name: String, value: String?)] {
        let own: [(name: String, value: String?)] = [
            ("name", name), ("page_type", pageType), ("address", address), ("size", "\(size)"),
        ]
        let details = (details ?? [:]).sorted { $0.key < $1.key }.map { (name: $0.key, value: Optional($0.value)) }
        return own + (details.isEmpty ? [(name: "contents", value: contents)] : details)
    }
}
