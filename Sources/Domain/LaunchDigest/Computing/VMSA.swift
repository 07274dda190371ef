/// A vCPU's initial state (virtual machine save area): one page, which SEV-SNP and SEV-ES measure.
///
/// Source: AMD APM volume 2, table B-4. The values are those observed from each VMM's hosts.
enum VMSA {
    enum VCPU { case first, further }

    private static let resetVector: UInt64 = 0xFFFF_FFF0

    /// - Parameters:
    ///   - resetAddress: the firmware's start address of further vCPUs.
    ///   - signature: the CPUID signature, which only QEMU writes.
    static func page(
        _ vmm: VMM, _ form: VMSAForm, _ vcpu: VCPU, resetAddress: UInt32, signature: UInt32, features: UInt64
    ) -> FieldPage {
        var page = FieldPage()
        let start = start(vmm, vcpu, resetAddress)
        page.setSegment("es", 0x00, attributes: 0x93)
        page.setSegment("cs", 0x10, selector: 0xF000, attributes: codeAttributes(vmm, vcpu), base: start.base)
        page.setSegment("ss", 0x20, attributes: vmm == .qemu || vmm == .gce ? 0x93 : 0x92)
        page.setSegment("ds", 0x30, attributes: 0x93)
        page.setSegment("fs", 0x40, attributes: 0x93)
        page.setSegment("gs", 0x50, attributes: 0x93)
        page.setSegment("gdtr", 0x60, attributes: 0)
        page.setSegment("ldtr", 0x70, attributes: 0x82)
        page.setSegment("idtr", 0x80, attributes: 0)
        page.setSegment("tr", 0x90, attributes: vmm == .qemu || vmm == .gce ? 0x8B : 0x83)
        page.set("efer", 0xD0, 8, 0x1000)
        page.set("cr4", 0x148, 8, 0x40)
        page.set("cr0", 0x158, 8, 0x10)
        page.set("dr7", 0x160, 8, 0x400)
        page.set("dr6", 0x168, 8, 0xFFFF_0FF0)
        page.set("rflags", 0x170, 8, 2)
        page.set("rip", 0x178, 8, start.rip)
        page.set("g_pat", 0x268, 8, vmm == .gce ? 0x7_0106 : 0x7_0406_0007_0406)
        page.set("rdx", 0x310, 8, rdx(vmm, form, signature))
        if vmm == .krun, vcpu == .first {
            page.set("rsp", 0x1D8, 8, 0x8FF0)
            page.set("rbp", 0x328, 8, 0x8FF0)
            page.set("rsi", 0x330, 8, KrunBundle.bootParametersAddress)
        }
        page.set("sev_features", 0x3B0, 8, features)
        page.set("xcr0", 0x3E8, 8, 1)
        if form == .newer, vmm == .qemu || vmm == .krun {
            page.set("mxcsr", 0x408, 4, 0x1F80)
            page.set("x87_fcw", 0x410, 2, 0x37F)
        }
        return page
    }

    private static func start(_ vmm: VMM, _ vcpu: VCPU, _ resetAddress: UInt32) -> (base: UInt64, rip: UInt64) {
        let address: UInt64 =
            switch (vmm, vcpu) {
            case (_, .first): resetVector
            case (.krun, .further): resetVector + 3
            case (_, .further): UInt64(resetAddress)
            }
        return (address & 0xFFFF_0000, address & 0xFFFF)
    }

    private static func codeAttributes(_ vmm: VMM, _ vcpu: VCPU) -> UInt64 {
        switch vmm {
        case .qemu, .gce: 0x9B
        case .ec2: vcpu == .first ? 0x9A : 0x9B
        case .krun: 0x9A
        }
    }

    private static func rdx(_ vmm: VMM, _ form: VMSAForm, _ signature: UInt32) -> UInt64 {
        switch vmm {
        case .qemu: UInt64(signature)
        case .ec2: form == .newer ? 0x600 : 0
        case .gce: 0x600
        case .krun: 0
        }
    }
}

extension FieldPage {
    /// Selector, attributes, limit and base. Every limit is 64 KiB.
    fileprivate mutating func setSegment(
        _ name: String, _ offset: Int, selector: UInt64 = 0, attributes: UInt64, base: UInt64 = 0
    ) {
        set("\(name).selector", offset, 2, selector)
        set("\(name).attributes", offset + 2, 2, attributes)
        set("\(name).limit", offset + 4, 4, 0xFFFF)
        set("\(name).base", offset + 8, 8, base)
    }
}
