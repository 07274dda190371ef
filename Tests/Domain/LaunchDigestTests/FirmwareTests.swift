import Bytes
import LaunchDigest
import Testing

@Suite("OVMF images")
struct FirmwareTests {
    private func reason(_ image: [UInt8]) -> String {
        do {
            _ = try OVMFFirmware(image)
            return "it is read"
        } catch {
            return error.description
        }
    }

    private func reason(_ change: (inout MadeFirmware) -> Void) -> String {
        var made = MadeFirmware()
        change(&made)
        return reason(made.bytes)
    }

    @Test("What the tables say is read")
    func tables() throws {
        let firmware = try OVMFFirmware(MadeFirmware().bytes)
        #expect(firmware.resetAddress == 0x90_1234)
        #expect(firmware.hashTableAddress == 0x80_6C00)
        #expect(firmware.sections?.map(\.kind) == [.secMem, .secrets, .cpuid, .svsmCAA, .kernelHashes, .secMem])
        #expect(firmware.sections?.first?.address == 0x80_0000)
        #expect(firmware.sections?.first?.size == 0x3000)
    }

    @Test("An image without tables can be read: SEV measures its bytes alone")
    func plain() throws {
        let firmware = try OVMFFirmware(blob(8_192, 1))
        #expect(firmware.sections == nil && firmware.resetAddress == nil && firmware.hashTableAddress == nil)
        _ = try LaunchCalculator(.sev, firmware: firmware).digest(GuestSettings())
        #expect(throws: LaunchDigestError.noSEVMetadata("firmware")) { try LaunchCalculator(.snp, firmware: firmware) }
    }

    @Test("A size that no VMM loads is refused", arguments: [0, 1, 4_095, 4_097, OVMFFirmware.longest + 4_096])
    func sizes(_ size: Int) {
        #expect(reason([UInt8](repeating: 0, count: size)).contains("it has \(size) bytes"))
    }

    @Test("An IGVM file is told apart")
    func igvm() { #expect(reason(Array("IGVM".utf8) + blob(4_092, 0)).contains("it is an IGVM file")) }

    @Test("Tables that contradict themselves are refused, with what is wrong")
    func malformed() {
        #expect(reason { $0.tableLength = 17 }.contains("says that it has 17 bytes"))
        #expect(reason { $0.tableLength = 0xFFFF }.contains("says that it has 65535 bytes"))
        // The table begins in the middle of a block.
        #expect(reason { $0.tableLength = 50 }.contains("has an impossible length"))
        #expect(reason { $0.tableLength = 19 }.contains("has an impossible length"))
        let reset = ("00f771de-1a7e-4fcb-890e-68c77e2fb44e", [UInt8](repeating: 1, count: 4))
        #expect(reason { $0.moreBlocks = [reset] }.contains("has the SEV-ES reset block 2 times"))
        #expect(
            reason {
                $0.resetAddress = nil
                $0.moreBlocks = [(reset.0, [1, 2])]
            }.contains("reset block has 2 bytes instead of 4"))
        #expect(reason { $0.metadataFromEnd = 0x4001 }.contains("would begin 16385 bytes before its end"))
        #expect(reason { $0.metadataFromEnd = .max }.contains("would begin 4294967295 bytes before its end"))
        #expect(reason { $0.metadataFromEnd = 7 }.contains("does not begin with ASEV"))
        #expect(reason { $0.metadataFromEnd = 0 }.contains("it ends early"))
        #expect(reason { $0.signature = "ASEW" }.contains("does not begin with ASEV"))
        #expect(reason { $0.version = 2 }.contains("it has version 2"))
        #expect(reason { $0.sectionCount = .max }.contains("do not fit into its length"))
        #expect(reason { $0.metadataLength = 12 }.contains("do not fit into its length of 12 bytes"))
        #expect(
            reason {
                $0.sectionCount = 1_000
                $0.metadataLength = 16 + 12_000
            }.contains("1000 sections do not fit"))
    }

    @Test(
        "Sections that are no pages are refused",
        arguments: [
            (0x80_0001, 0x1000, 1), (0x80_0000, 0x1001, 1), (0x80_0000, 0, 1), (0xFFFF_F000, 0x2000, 1),
            (0x80_0000, 0x2000, 2), (0x80_0000, 0x2000, 3), (0x80_0000, 0x2000, 0x10), (0, 0xFFFF_F000, 1),
        ])
    func sections(_ address: UInt32, _ size: UInt32, _ type: UInt32) {
        let reason = reason { $0.sections = [(address, size, type)] }
        #expect(reason.hasPrefix("firmware, SEV metadata: "), "\(reason)")
    }

    @Test(
        "A place for kernel hashes that has no room for them is refused",
        arguments: [
            (0x80_6C00, 175), (0x80_6FFF, 0x400), (0x80_6F51, 0x400),
        ])
    func hashTable(_ address: UInt32, _ size: UInt32) {
        #expect(reason { $0.hashTable = (address, size) }.contains("has no room for them"))
    }

    @Test("Firmware that says that it measures no kernel is not given one", arguments: [true, false])
    func noHashes(_ hasBlock: Bool) throws {
        var made = MadeFirmware()
        made.hashTable = hasBlock ? (0, 0) : nil
        let firmware = try OVMFFirmware(made.bytes, subject: "F")
        #expect(firmware.hashTableAddress == nil)
        let kernel = try KernelHashes(kernel: MeasuredFile([1]), initrd: nil, commandLine: "")
        for technology in SEVTechnology.allCases {
            #expect(throws: LaunchDigestError.noPlaceForKernelHashes("F")) {
                try LaunchCalculator(technology, firmware: firmware, kernel: kernel)
            }
            _ = try LaunchCalculator(technology, firmware: firmware)
        }
    }

    @Test("A section of a type that is not known ends in no digest rather than a wrong one")
    func unknown() throws {
        var made = MadeFirmware()
        made.sections.append((0x81_0000, 0x1000, 5))
        let firmware = try OVMFFirmware(made.bytes, subject: "F")
        #expect(throws: LaunchDigestError.unknownSection("F", type: 5, address: 0x81_0000)) {
            try LaunchCalculator(.snp, firmware: firmware)
        }
        _ = try LaunchCalculator(.sevES, firmware: firmware)
    }
}
