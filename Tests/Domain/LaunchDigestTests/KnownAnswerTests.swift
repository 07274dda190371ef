import Bytes
import Crypto
import TestSupport
import Testing

@testable import LaunchDigest

@Suite("Launch digests that others computed", .enabled(if: Vectors.arePresent))
struct KnownAnswerTests {
    private let vectors: LaunchVectors

    init() throws { vectors = try LaunchVectors.load() }

    @Test("The firmware that they are of is the same")
    func firmware() throws {
        for (name, sha256) in vectors.firmwareSha256 {
            #expect(Hex.encode(try LaunchVectors.firmware(name).file.sha256) == sha256, "\(name)")
        }
    }

    @Test("Each is computed: SNP, SEV-ES and SEV, with and without a kernel, for QEMU, EC2 and GCE")
    func digests() throws {
        #expect(vectors.cases.count == 140)
        for known in vectors.cases {
            let technology = try #require(SEVTechnology(rawValue: known.mode))
            // The tool computes what these VMMs do not launch: SEV-ES under QEMU only.
            let vmm = try #require(VMM(rawValue: known.vmm))
            let calculator = try LaunchCalculator(
                technology, firmware: LaunchVectors.firmware(known.firmware), kernel: LaunchVectors.kernel(known.boot),
                vmm: vmm)
            let signature = try known.signature.map { CPUType(signature: UInt32(try number($0))) }
            if let name = known.cpu { #expect(CPUType(name: name)?.signature == signature?.signature) }
            let digest = try calculator.digest(
                GuestSettings(
                    vcpus: known.vcpus ?? 1, cpu: signature, features: known.features.map(number) ?? 1))
            #expect(Hex.encode(digest.bytes) == known.digest, "\(known)")
            if let after = known.afterFirmware {
                #expect(Hex.encode(digest.regions[0].digestAfter) == after, "\(known)")
            }
            if let after = known.afterMetadata {
                let last = digest.regions.last { $0.pageType != "VMSA" }
                #expect(last.map { Hex.encode($0.digestAfter) } == after, "\(known)")
            }
        }
    }

    @Test("A kernel is refused with firmware that would not check it")
    func refused() throws {
        #expect(vectors.refused.count == 3)
        for known in vectors.refused {
            let technology = try #require(SEVTechnology(rawValue: known.mode))
            let firmware = try LaunchVectors.firmware(known.firmware)
            let kernel = try LaunchVectors.kernel(known.boot)
            #expect(throws: LaunchDigestError.noPlaceForKernelHashes(known.firmware)) {
                try LaunchCalculator(technology, firmware: firmware, kernel: kernel)
            }
        }
    }

    @Test("The hashes of kernel, initrd and command line stand where and as QEMU puts them")
    func hashes() throws {
        let kernel = try #require(try LaunchVectors.kernel("blobs"))
        #expect(Hex.encode(kernel.table) == vectors.hashesTableOfBlobs)
        let page = kernel.page(at: 0x80_6C00)
        #expect(page.count == 4_096)
        #expect(page.prefix(0xC00).isAllZero && page.suffix(0x400 - 176).isAllZero)
        #expect(Array(page[0xC00..<0xC00 + 176]) == kernel.table)
    }

    @Test("VMSAs are those of each VMM")
    func vmsas() throws {
        #expect(vectors.vmsaPages.count == 12)
        for known in vectors.vmsaPages.map({ $0.compactMapValues(\.self) }) {
            let vmm = try #require(known["vmm"].flatMap(VMM.init))
            let features = try number(#require(known["features"]))
            let signature = UInt32(try known["signature"].map(number) ?? 0)
            for (vcpu, name) in [(VMSA.VCPU.first, "bsp_sha384"), (.further, "ap_0x80b004_sha384")] {
                let page = VMSA.page(
                    vmm, .newer, vcpu, resetAddress: 0x80_B004, signature: signature, features: features)
                #expect(Hex.encode(SHA384.hash(data: page.bytes)) == known[name], "\(known)")
            }
        }
        for known in vectors.krun.vmsaPages {
            let page = VMSA.page(
                .krun, .older, known.vcpu == "first" ? .first : .further, resetAddress: 0, signature: 0,
                features: try number(known.features))
            #expect(Hex.encode(SHA384.hash(data: page.bytes)) == known.sha384, "\(known)")
        }
    }

    @Test("libkrun's guests, by number of vCPUs and size of memory")
    func krun() throws {
        #expect(vectors.krun.cases.count == 5)
        let bundle = try LaunchVectors.krun()
        for known in vectors.krun.cases {
            for (technology, digest) in [
                (SEVTechnology.snp, known.snp), (.sevES, known.sevES), (.sev, known.sev),
            ] {
                let found = try LaunchCalculator(technology, krun: bundle)
                    .digest(GuestSettings(vcpus: known.vcpus, memoryMiB: known.ramMib))
                // At exactly 3,328 MiB the tool that made the vectors has one byte more than libkrun.
                #expect((Hex.encode(found.bytes) == digest) == (known.ramMib != 3_328), "\(known)")
                guard known.ramMib == 3_328, technology == .sev else { continue }
                let boot = bundle.bootParameters(vcpus: known.vcpus, memoryMiB: 3_328, asMeasurementTool: true)
                let memory = bundle.firmware + bundle.kernel + bundle.initrd + boot.bytes
                #expect(Hex.encode(SHA256.hash(data: memory)) == digest)
            }
        }
    }

    @Test("A guest that EC2 started before its hosts changed RDX")
    func olderEC2() throws {
        let calculator = try LaunchCalculator(
            .snp, firmware: LaunchVectors.firmware("amdsev"), kernel: LaunchVectors.kernel("empty"), vmm: .ec2)
        #expect(
            Hex.encode(try calculator.digest(GuestSettings(vmsaForm: .older)).bytes) == """
                7d3756157c805bf6adf617064c8552e8c1688fa1c8756f11cbf56ba5d25c9270fb69c0505c1cbe1c5c66c0e34c6ed3be
                """)
    }
}
