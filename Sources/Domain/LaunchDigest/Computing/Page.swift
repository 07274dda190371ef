import Bytes

/// A page of guest memory, 4 KiB, the unit that SEV-SNP measures.
enum Page {
    static let size = 4_096

    /// `PAGE_TYPE` of SNP_LAUNCH_UPDATE. Source: AMD 56860, "PAGE_INFO".
    enum Kind: UInt8, Sendable {
        case normal = 1, vmsa, zero, unmeasured, secrets, cpuid

        /// The specification's name.
        var name: String {
            switch self {
            case .normal: "NORMAL"
            case .vmsa: "VMSA"
            case .zero: "ZERO"
            case .unmeasured: "UNMEASURED"
            case .secrets: "SECRETS"
            case .cpuid: "CPUID"
            }
        }
    }
}

/// A page of zeros with named little-endian fields.
struct FieldPage: Sendable {
    private(set) var bytes = [UInt8](repeating: 0, count: Page.size)
    private(set) var details: [LaunchRegion.Detail] = []

    /// Sets a field. A zero field has no detail.
    mutating func set(_ name: String, _ offset: Int, _ width: Int, _ value: UInt64) {
        guard value != 0 else { return }
        bytes.replaceSubrange(offset..<offset + width, with: value.littleEndianBytes.prefix(width))
        details.append(.init(name: name, value: hex(value)))
    }
}

func hex(_ value: some BinaryInteger) -> String { "0x" + String(value, radix: 16) }
