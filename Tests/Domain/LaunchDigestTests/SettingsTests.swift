import Bytes
import LaunchDigest
import Testing

@Suite("What launch digests depend on")
struct SettingsTests {
    private let firmware: OVMFFirmware
    private let milan = CPUType(name: "EPYC-Milan")

    init() throws { firmware = try OVMFFirmware(MadeFirmware().bytes) }

    private func digest(
        _ technology: SEVTechnology = .snp, vmm: VMM = .qemu, _ change: (inout GuestSettings) -> Void = { _ in }
    ) throws -> LaunchDigest {
        var settings = GuestSettings(vcpus: 2, cpu: milan)
        change(&settings)
        return try LaunchCalculator(technology, firmware: firmware, vmm: vmm).digest(settings)
    }

    @Test("SNP's depend on the number of vCPUs, the CPU type, the features, the VMSA's form and address")
    func snp() throws {
        let digests = [
            try digest(), try digest { $0.vcpus = 3 }, try digest { $0.cpu = CPUType(name: "EPYC-v4") },
            try digest { $0.features = 0x21 }, try digest { $0.vmsaForm = .older },
            try digest { $0.vmsaAddress = 0xF_FFFF_FFFF_F000 },
        ]
        #expect(Set(digests.map(\.bytes)).count == digests.count)
        for digest in digests { #expect(digest.bytes.count == 48) }
        #expect(try digest().bytes == digest { $0.memoryMiB = 512 }.bytes)
    }

    @Test("SEV-ES's depend on all of these but features and addresses, and SEV's on none")
    func others() throws {
        let es = try digest(.sevES)
        #expect(es.bytes.count == 32)
        #expect(try es.bytes != digest(.sevES) { $0.vcpus = 3 }.bytes)
        #expect(try es.bytes != digest(.sevES) { $0.vmsaForm = .older }.bytes)
        #expect(try es.bytes == digest(.sevES) { $0.features = 0x21 }.bytes)
        let sev = try digest(.sev)
        #expect(try sev.bytes == digest(.sev) { $0 = GuestSettings(vcpus: 9) }.bytes)
        #expect(sev.bytes == Array(firmware.file.sha256))
    }

    @Test("EC2 and GCE put no CPU type in")
    func clouds() throws {
        for vmm in [VMM.ec2, .gce] {
            #expect(try digest(vmm: vmm).bytes == digest(vmm: vmm) { $0.cpu = nil }.bytes)
        }
    }

    @Test("What no guest has is refused with a sentence")
    func refused() throws {
        #expect(throws: LaunchDigestError.vcpus(0)) { try digest { $0.vcpus = 0 } }
        #expect(throws: LaunchDigestError.vcpus(4_097)) { try digest { $0.vcpus = 4_097 } }
        #expect(throws: LaunchDigestError.vcpus(.min)) { try digest { $0.vcpus = .min } }
        #expect(throws: LaunchDigestError.noCPUType) { try digest { $0.cpu = nil } }
        #expect(throws: LaunchDigestError.featuresWithoutSNP(0x20)) { try digest { $0.features = 0x20 } }
        #expect(throws: LaunchDigestError.vmsaAddress(1)) { try digest { $0.vmsaAddress = 1 } }
        #expect(throws: LaunchDigestError.oneVMSAForm(.gce, .older)) { try digest(vmm: .gce) { $0.vmsaForm = .older } }
        #expect(throws: LaunchDigestError.notKnown(.sevES, .ec2)) { try digest(.sevES, vmm: .ec2) }
        #expect(throws: LaunchDigestError.notKnown(.sev, .gce)) { try digest(.sev, vmm: .gce) }
        #expect(throws: LaunchDigestError.ovmfUnderKrun) { try digest(vmm: .krun) }
        var made = MadeFirmware()
        made.resetAddress = nil
        let calculator = try LaunchCalculator(.snp, firmware: OVMFFirmware(made.bytes))
        #expect(throws: LaunchDigestError.noResetAddress(2)) {
            try calculator.digest(GuestSettings(vcpus: 2, cpu: milan))
        }
        _ = try calculator.digest(GuestSettings(vcpus: 1, cpu: milan))
    }

    @Test("A command line with a NUL is refused")
    func commandLine() {
        #expect(throws: MalformedInput.self) {
            try KernelHashes(kernel: MeasuredFile([]), initrd: nil, commandLine: "a\0b")
        }
    }

    @Test("CPU types are known by QEMU's name, by signature and by numbers")
    func cpuTypes() {
        #expect(CPUType(name: "EPYC-Turin")?.signature == 0xB0_0F00)
        #expect(CPUType(name: "epyc-turin") == nil && CPUType(name: "host") == nil)
        #expect(CPUType(family: 25, model: 17, stepping: 0)?.signature == 0xA1_0F10)
        for numbers in [(15, 0, 0), (271, 0, 0), (25, 256, 0), (25, -1, 0), (25, 0, 16)] {
            #expect(CPUType(family: numbers.0, model: numbers.1, stepping: numbers.2) == nil)
        }
        #expect(CPUType(family: 270, model: 255, stepping: 15)?.signature == 0xFFF_0FFF)
    }

    @Test("libkrun's guests need the size of their memory, and whole pages")
    func krun() throws {
        let bundle = try KrunBundle(firmware: blob(65_536, 1), kernel: blob(8_192, 2), initrd: blob(4_096, 3))
        let calculator = LaunchCalculator(.snp, krun: bundle)
        #expect(throws: LaunchDigestError.memory(nil)) { try calculator.digest(GuestSettings()) }
        for memory in [Int.min, 0, 1, 16_777_217, .max] {
            #expect(throws: LaunchDigestError.memory(memory)) {
                try calculator.digest(GuestSettings(memoryMiB: memory))
            }
        }
        let digests = try [2, 3_327, 3_328, 3_329, 16_777_216].map {
            try calculator.digest(GuestSettings(memoryMiB: $0)).bytes
        }
        #expect(Set(digests).count == digests.count)
        for (firmware, kernel, address, initrd): (Int, Int, UInt64, Int) in [
            (65_535, 4_096, 0x1000, 4_096), (65_536, 4_095, 0x1000, 4_096), (65_536, 0, 0x1000, 4_096),
            (65_536, 4_096, 1, 4_096), (65_536, 4_096, 1 << 48, 4_096), (65_536, 4_096, 0x1000, 1),
        ] {
            #expect(throws: MalformedInput.self) {
                try KrunBundle(
                    firmware: blob(firmware, 1), kernel: blob(kernel, 2), kernelAddress: address,
                    initrd: blob(initrd, 3))
            }
        }
    }
}
