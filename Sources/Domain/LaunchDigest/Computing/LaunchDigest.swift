/// A launch digest with its inputs, settings and regions.
public struct LaunchDigest: Sendable, Hashable {
    /// 48 bytes for SEV-SNP, the report's measurement; 32 bytes for SEV-ES and SEV, whose measurement is an HMAC over
    /// them.
    public let bytes: [UInt8]
    public let technology: SEVTechnology
    public let vmm: VMM
    public let settings: GuestSettings
    public let inputs: LaunchInputs
    /// In the order in which the VMM adds them.
    public let regions: [LaunchRegion]
}

/// The settings of a guest's launch, beside its files, on which the launch digest depends.
public struct GuestSettings: Sendable, Hashable {
    /// The accepted numbers of vCPUs.
    public static let vcpus = 1...4_096

    public var vcpus: Int
    /// QEMU's `-cpu`; other VMMs' digests do not depend on it.
    public var cpu: CPUType?
    /// SEV_FEATURES of each VMSA, for SEV-SNP. Source: AMD APM volume 2, table B-4, offset 0x3B0.
    public var features: UInt64
    /// nil for the VMM's usual one.
    public var vmsaForm: VMSAForm?
    /// For libkrun, whose digests depend on the size of memory.
    public var memoryMiB: Int?
    /// The guest-physical address of VMSAs, for SEV-SNP. GCE's Genoa hosts have 0xFFFFFFFFFF000.
    public var vmsaAddress: UInt64

    public init(
        vcpus: Int = 1, cpu: CPUType? = nil, features: UInt64 = 1, vmsaForm: VMSAForm? = nil, memoryMiB: Int? = nil,
        vmsaAddress: UInt64 = Self.defaultVMSAAddress
    ) {
        (self.vcpus, self.cpu, self.features) = (vcpus, cpu, features)
        (self.vmsaForm, self.memoryMiB, self.vmsaAddress) = (vmsaForm, memoryMiB, vmsaAddress)
    }

    /// The address that KVM uses.
    public static let defaultVMSAAddress: UInt64 = 0xFFFF_FFFF_F000
}
