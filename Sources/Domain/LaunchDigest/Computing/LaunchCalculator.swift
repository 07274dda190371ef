import Bytes

/// Computes a guest's launch digests from the files that its host will load, for any number of settings.
///
/// Firmware, kernel and initrd are hashed once; each digest adds the pages that depend on its settings.
///
/// ```swift
/// let firmware = try OVMFFirmware(File.read("OVMF.fd", atMost: OVMFFirmware.longest))
/// let calculator = try LaunchCalculator(.snp, firmware: firmware, kernel: hashes, vmm: .qemu)
/// let digest = try calculator.digest(GuestSettings(vcpus: 2, cpu: CPUType(name: "EPYC-Milan")))
/// ```
public struct LaunchCalculator: Sendable {
    public let technology: SEVTechnology
    public let vmm: VMM
    public let inputs: LaunchInputs
    /// The state after the regions that do not depend on settings.
    private let common: LaunchState
    private let resetAddress: UInt32?
    private let krun: KrunBundle?

    /// A guest that starts from OVMF.
    ///
    /// - Parameter kernel: the hashes that QEMU passes with the firmware (`-kernel` and `kernel-hashes=on`); nil for a
    ///   guest that boots from its disk.
    /// - Throws: ``LaunchDigestError`` when guests are not launched so, or the firmware lacks a needed table.
    public init(
        _ technology: SEVTechnology, firmware: OVMFFirmware, kernel: KernelHashes? = nil, vmm: VMM = .qemu
    ) throws(LaunchDigestError) {
        guard vmm != .krun else { throw .ovmfUnderKrun }
        guard vmm.technologies.contains(technology) else { throw .notKnown(technology, vmm) }
        (self.technology, self.vmm, krun) = (technology, vmm, nil)
        resetAddress = firmware.resetAddress
        inputs = LaunchInputs(
            firmware: firmware.file, kernel: kernel?.kernel, initrd: kernel?.initrd, commandLine: kernel?.commandLine)
        var state = LaunchState(technology)
        state.add("firmware", at: firmware.address, firmware.bytes)
        if technology == .snp {
            try state.addSections(of: firmware, kernel, vmm)
        } else if let kernel {
            guard firmware.hashTableAddress != nil else { throw .noPlaceForKernelHashes(firmware.subject) }
            state.add("kernel hashes", at: 0, kernel.table, details: kernel.details)
        }
        common = state
    }

    /// A guest of libkrun.
    public init(_ technology: SEVTechnology, krun: KrunBundle) {
        (self.technology, vmm, self.krun) = (technology, .krun, krun)
        (resetAddress, inputs) = (nil, krun.inputs)
        var state = LaunchState(technology)
        state.add("firmware", at: KrunBundle.firmwareAddress, krun.firmware)
        state.add("kernel", at: krun.kernelAddress, krun.kernel)
        state.add("initrd", at: KrunBundle.initrdAddress, krun.initrd)
        common = state
    }

    /// The launch digest of a guest with these settings.
    ///
    /// - Throws: ``LaunchDigestError`` for settings that such a guest cannot have, or that do not determine the digest.
    public func digest(_ settings: GuestSettings) throws(LaunchDigestError) -> LaunchDigest {
        try check(settings)
        var state = common
        let form = settings.vmsaForm ?? vmm.defaultVMSAForm
        if let krun { try state.addBootParameters(of: krun, settings, technology) }
        if technology != .sev {
            let features = technology == .snp ? settings.features : 0
            let page = { (vcpu: VMSA.VCPU) in
                VMSA.page(
                    vmm, form, vcpu, resetAddress: resetAddress ?? 0, signature: settings.cpu?.signature ?? 0,
                    features: features)
            }
            state.addVMSAs(0..<1, at: settings.vmsaAddress, page(.first))
            if settings.vcpus > 1 { state.addVMSAs(1..<settings.vcpus, at: settings.vmsaAddress, page(.further)) }
        }
        return LaunchDigest(
            bytes: state.digest, technology: technology, vmm: vmm, settings: settings, inputs: inputs,
            regions: state.regions)
    }

    private func check(_ settings: GuestSettings) throws(LaunchDigestError) {
        if technology != .sev || vmm == .krun {
            guard GuestSettings.vcpus.contains(settings.vcpus) else { throw .vcpus(settings.vcpus) }
        }
        guard technology != .sev else { return }
        if settings.vcpus > 1, resetAddress == nil, vmm != .krun { throw .noResetAddress(settings.vcpus) }
        if vmm == .qemu, settings.cpu == nil { throw .noCPUType }
        if let form = settings.vmsaForm, !vmm.vmsaForms.contains(form) { throw .oneVMSAForm(vmm, form) }
        if technology == .snp {
            guard settings.features & 1 == 1 else { throw .featuresWithoutSNP(settings.features) }
            guard settings.vmsaAddress.isMultiple(of: UInt64(Page.size)) else {
                throw .vmsaAddress(settings.vmsaAddress)
            }
        }
    }
}

extension VMM {
    /// The form for a host of unknown version.
    var defaultVMSAForm: VMSAForm { vmsaForms.first ?? .newer }
}

extension LaunchState {
    /// The sections of OVMF's SEV metadata. Source: QEMU, `snp_populate_metadata_pages`; for EC2 and GCE their digests.
    fileprivate mutating func addSections(
        of firmware: OVMFFirmware, _ kernel: KernelHashes?, _ vmm: VMM
    ) throws(LaunchDigestError) {
        guard let sections = firmware.sections else { throw .noSEVMetadata(firmware.subject) }
        let holdsHashes = sections.contains { $0.kind == .kernelHashes } && firmware.hashTableAddress != nil
        guard kernel == nil || holdsHashes else { throw .noPlaceForKernelHashes(firmware.subject) }
        for section in sections {
            switch section.kind {
            case .secMem:
                addPages(
                    "SEC_MEM", vmm == .gce ? .unmeasured : .zero, at: section.address, size: section.size)
            case .secrets: addPages("SECRETS", .secrets, at: section.address, size: section.size)
            case .cpuid where vmm == .ec2: break
            case .cpuid: addPages("CPUID", .cpuid, at: section.address, size: section.size)
            case .svsmCAA: addPages("SVSM_CAA", .zero, at: section.address, size: section.size)
            case .kernelHashes:
                if let kernel, let address = firmware.hashTableAddress {
                    add("KERNEL_HASHES", at: section.address, kernel.page(at: address), details: kernel.details)
                } else {
                    addPages("KERNEL_HASHES", .zero, at: section.address, size: section.size)
                }
            case nil: throw .unknownSection(firmware.subject, type: section.type, address: section.address)
            }
        }
        // EC2 adds the CPUID page after all others.
        for section in sections where vmm == .ec2 && section.kind == .cpuid {
            addPages("CPUID", .cpuid, at: section.address, size: section.size)
        }
    }

    /// The boot parameters, which hold the number of vCPUs and the size of memory, and libkrun's own pages.
    fileprivate mutating func addBootParameters(
        of krun: KrunBundle, _ settings: GuestSettings, _ technology: SEVTechnology
    ) throws(LaunchDigestError) {
        guard let memory = settings.memoryMiB, KrunBundle.memory.contains(memory) else {
            throw .memory(settings.memoryMiB)
        }
        let page = krun.bootParameters(vcpus: settings.vcpus, memoryMiB: memory)
        add("boot parameters", at: KrunBundle.bootParametersAddress, page.bytes, details: page.details)
        // For SEV and SEV-ES these add nothing.
        addPages("zero page", .zero, at: 0, size: 0x1000)
        addPages("SECRETS", .secrets, at: 0x5000, size: 0x1000)
        addPages("CPUID", .cpuid, at: 0x6000, size: 0x1000)
        addPages("stack", .zero, at: 0x8000, size: 0x7000)
    }
}
