/// Why a launch digest cannot be computed: such a guest cannot be launched, or its launch is not known here.
public enum LaunchDigestError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A firmware that cannot start an SEV-SNP guest.
    case noSEVMetadata(_ firmware: String)
    /// A kernel was given with firmware that does not verify kernels.
    case noPlaceForKernelHashes(_ firmware: String)
    /// A section of the SEV metadata of an unknown type, which VMMs may treat differently.
    case unknownSection(_ firmware: String, type: UInt32, address: UInt64)
    /// More than one vCPU with firmware that does not state where further ones start.
    case noResetAddress(_ vcpus: Int)
    case vcpus(Int)
    case noCPUType
    case featuresWithoutSNP(UInt64)
    case vmsaAddress(UInt64)
    case oneVMSAForm(VMM, VMSAForm)
    case notKnown(SEVTechnology, VMM)
    case ovmfUnderKrun
    /// Guest memory that is missing or out of range, for libkrun.
    case memory(_ mib: Int?)

    public var description: String {
        switch self {
        case .noSEVMetadata(let firmware):
            "\(firmware) has no SEV metadata, without which no VMM starts an SEV-SNP guest from it: give an OVMF image that "
                + "was built for AMD SEV, whole"
        case .noPlaceForKernelHashes(let firmware):
            "\(firmware) has no place for the hashes of kernel, initrd and command line, and would start any: give one that "
                + "has (OvmfPkg/AmdSev), or leave the kernel out if the guest boots from its disk"
        case .unknownSection(let firmware, let type, let address):
            "\(firmware) asks for a section of type \(hex(type)) at \(hex(address)), which is not known here, and VMMs "
                + "differ in what they make of it: update kbs, or give an older firmware"
        case .noResetAddress(let vcpus):
            "the firmware does not say where further vCPUs start (it has no SEV-ES reset block), so a guest with \(vcpus) "
                + "cannot start: give another firmware, or one vCPU"
        case .vcpus(let count):
            "a guest cannot have \(count) vCPUs: give \(GuestSettings.vcpus.lowerBound) to "
                + "\(GuestSettings.vcpus.upperBound)"
        case .noCPUType:
            "the digest depends on the CPU type that QEMU shows to the guest (-cpu): give its name or its signature"
        case .featuresWithoutSNP(let features):
            "guest features \(hex(features)) lack bit 0, which every SEV-SNP guest has: add 0x1"
        case .vmsaAddress(let address): "the address of VMSAs \(hex(address)) is not that of a page of 4,096 bytes"
        case .oneVMSAForm(let vmm, let form): "no \(form.rawValue) form of the VMSA is known for \(vmm.rawValue)"
        case .notKnown(let technology, let vmm):
            "launch digests of \(technology.rawValue) guests are not known for \(vmm.rawValue)"
        case .ovmfUnderKrun:
            "libkrun does not start guests from OVMF: give qboot, the kernel and the initrd of its libkrunfw-sev"
        case .memory(let mib):
            (mib.map { "a guest cannot have \($0) MiB of memory" } ?? "libkrun measures the size of the guest's memory")
                + ": give \(KrunBundle.memory.lowerBound) to \(KrunBundle.memory.upperBound) MiB"
        }
    }
}
