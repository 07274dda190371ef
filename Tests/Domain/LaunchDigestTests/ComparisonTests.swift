import Bytes
import Foundation
import Testing

@testable import LaunchDigest

@Suite("Two launch digests compared")
struct ComparisonTests {
    private let milan = CPUType(name: "EPYC-Milan")

    private func document(
        _ technology: SEVTechnology = .snp, firmware: MadeFirmware = MadeFirmware(), commandLine: String? = "quiet",
        explained: Bool = true, _ change: (inout GuestSettings) -> Void = { _ in }
    ) throws -> LaunchDigestDocument {
        var settings = GuestSettings(vcpus: 2, cpu: milan)
        change(&settings)
        let kernel = try commandLine.map {
            try KernelHashes(kernel: MeasuredFile([1]), initrd: MeasuredFile([2]), commandLine: $0)
        }
        let calculator = try LaunchCalculator(technology, firmware: OVMFFirmware(firmware.bytes), kernel: kernel)
        return LaunchDigestDocument(try calculator.digest(settings), explained: explained)
    }

    @Test("What is written is read again as the same", arguments: SEVTechnology.allCases, [true, false])
    func readAgain(_ technology: SEVTechnology, _ explained: Bool) throws {
        let documents = [
            try document(technology, explained: explained), try document(technology, commandLine: nil),
            LaunchDigestDocument(
                try LaunchCalculator(
                    technology,
                    krun: KrunBundle(firmware: blob(65_536, 1), kernel: blob(4_096, 2), initrd: blob(4_096, 3))
                ).digest(GuestSettings(memoryMiB: 512, vmsaAddress: 0x1000)), explained: explained),
        ]
        #expect(try LaunchDigestDocument.read(Array(JSONEncoder().encode(documents))) == documents)
        #expect(try LaunchDigestDocument.read(Array(JSONEncoder().encode(documents[0]))) == [documents[0]])
    }

    @Test("Documents that are none are refused")
    func unreadable() {
        for text in [
            "", "{}", "[1]", #"[{"digest": "xy"}]"#, #"{"digest":"ab","technology":"snp","vmm":"qemu"}"#,
            #"{"digest":"ab","technology":"snp","vmm":"qemu","inputs":{"firmware":{"sha256":"ab","size":-1}}}"#,
        ] {
            #expect(throws: MalformedInput.self) { try LaunchDigestDocument.read(Array(text.utf8)) }
        }
    }

    @Test("The same digest parts nowhere")
    func same() throws {
        let comparison = LaunchDigestComparison(try document(), try document { $0.memoryMiB = 1 })
        #expect(comparison.isSame && comparison.parting == nil && comparison.differences.isEmpty)
    }

    @Test("Another CPU type parts at the first VMSA, in RDX")
    func cpuType() throws {
        let comparison = LaunchDigestComparison(
            try document(), try document { $0.cpu = CPUType(name: "EPYC-Genoa") })
        let parting = try #require(comparison.parting)
        #expect(parting.a?.name == "VMSA of vCPU 0" && parting.b?.name == "VMSA of vCPU 0")
        #expect(parting.differences == [.init(name: "rdx", a: "0xa00f11", b: "0xa10f10")])
        #expect(parting.common == (try document().regions?[parting.index - 1].digestAfter))
        #expect(comparison.differences.map(\.name) == ["cpu", "cpu_signature"])
    }

    @Test("Features part in the VMSA, and a form of it in registers that one side does not have")
    func registers() throws {
        let features = LaunchDigestComparison(try document(), try document { $0.features = 0x21 })
        #expect(features.parting?.differences == [.init(name: "sev_features", a: "0x1", b: "0x21")])
        let form = LaunchDigestComparison(try document(), try document { $0.vmsaForm = .older })
        #expect(
            form.parting?.differences == [
                .init(name: "mxcsr", a: "0x1f80", b: nil), .init(name: "x87_fcw", a: "0x37f", b: nil),
            ])
    }

    @Test("More vCPUs part where the first guest has no more VMSAs")
    func vcpus() throws {
        let comparison = LaunchDigestComparison(try document { $0.vcpus = 1 }, try document())
        #expect(comparison.parting?.a == nil)
        #expect(comparison.parting?.b?.name == "VMSA of vCPU 1")
        #expect(comparison.differences == [.init(name: "vcpus", a: "1", b: "2")])
        let more = LaunchDigestComparison(try document { $0.vcpus = 3 }, try document())
        #expect(more.parting?.differences.map(\.name) == ["name", "size"])
    }

    @Test("Another command line parts in its hash", arguments: SEVTechnology.allCases)
    func commandLine(_ technology: SEVTechnology) throws {
        let comparison = LaunchDigestComparison(
            try document(technology), try document(technology, commandLine: "quiet "))
        #expect(comparison.parting?.differences.map(\.name) == ["command_line_sha256"])
        #expect(comparison.differences == [.init(name: "command_line", a: "quiet", b: "quiet ")])
    }

    @Test("Another firmware parts at the first region")
    func firmware() throws {
        var other = MadeFirmware()
        other.resetAddress = 0x90_0000
        let comparison = LaunchDigestComparison(try document(), try document(firmware: other))
        #expect(comparison.parting?.index == 0 && comparison.parting?.common == nil)
        #expect(comparison.parting?.differences.map(\.name) == ["contents"])
        #expect(comparison.differences.map(\.name) == ["firmware sha256"])
    }

    @Test("Digests that are not explained show what differs in settings, and not where")
    func unexplained() throws {
        let comparison = LaunchDigestComparison(
            try document(explained: false), try document(explained: false) { $0.vcpus = 3 })
        #expect(!comparison.isSame && comparison.parting == nil)
        #expect(comparison.differences.map(\.name) == ["vcpus"])
    }
}
