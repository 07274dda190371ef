import Bytes
import Foundation
import LaunchDigest
import TestSupport
import Testing

/// Beside sev-snp-measure from PyPI, on guests that are made up anew in each run.
@Suite("Launch digests beside an implementation that is not ours")
struct IndependentTests {
    private static let script = "Tests/Domain/LaunchDigestTests/measure.py"

    /// A guest of random parts, in files and in memory.
    private struct Guest {
        let firmware: OVMFFirmware
        let kernel: KernelHashes?
        let technology: SEVTechnology
        let vmm: VMM
        let settings: GuestSettings
        /// As measure.py takes it.
        var request: [String: any Sendable]

        init(_ number: Int, in folder: TemporaryFolder) throws {
            func bytes(_ most: Int) -> [UInt8] { (0..<Int.random(in: 0...most)).map { _ in .random(in: 0...255) } }
            func write(_ bytes: [UInt8], _ name: String) throws -> String {
                let file = folder.file("\(number)-\(name)")
                try Data(bytes).write(to: file)
                return file.path(percentEncoded: false)
            }
            let image = Self.firmware
            firmware = try OVMFFirmware(image)
            technology = SEVTechnology.allCases.randomElement() ?? .snp
            vmm = technology == .snp ? [VMM.qemu, .ec2, .gce].randomElement() ?? .qemu : .qemu
            let (family, model, stepping) = (Int.random(in: 23...30), Int.random(in: 0...255), Int.random(in: 0...15))
            let cpu = CPUType(family: family, model: model, stepping: stepping)
            settings = GuestSettings(vcpus: .random(in: 1...9), cpu: cpu, features: .random(in: 0...0xFFFF) | 1)
            request = [
                "mode": technology == .sevES ? "seves" : technology.rawValue, "vcpus": settings.vcpus,
                "signature": Int(cpu?.signature ?? 0), "features": Int(settings.features),
                "vmm": vmm == .qemu ? "QEMU" : vmm.rawValue, "firmware": try write(image, "firmware"),
            ]
            guard Int.random(in: 0..<4) > 0 else {
                kernel = nil
                return
            }
            let (kernel, initrd) = (bytes(20_000), Bool.random() ? bytes(9_000) : nil)
            let words = ["console=ttyS0", "root=/dev/vda1", "quiet ", "  ", "kbs=https://k.example/ü", "\"a b\"", "x"]
            let commandLine = words.shuffled().prefix(Int.random(in: 0...7)).joined(separator: " ")
            self.kernel = try KernelHashes(
                kernel: MeasuredFile(kernel), initrd: initrd.map { MeasuredFile($0) }, commandLine: commandLine)
            request["kernel"] = try write(kernel, "kernel")
            request["initrd"] = try initrd.map { try write($0, "initrd") }
            request["append"] = commandLine
        }

        private static var firmware: [UInt8] {
            var made = MadeFirmware()
            made.size = 0x1000 * .random(in: 4...9)
            made.metadataAt = 16 * .random(in: 0...0xF0)
            let sections = made.sections.map { section in
                let pages = [1, 4].contains(section.type) ? UInt32.random(in: 1...7) : 1
                return (section.address, 0x1000 * pages, section.type)
            }
            made.sections = sections.shuffled()
            let offset = UInt32.random(in: 0...(4_096 - 176))
            made.hashTable = (0x80_6000 + offset, 0x400)
            made.resetAddress = .random(in: 1...UInt32.max)
            return made.bytes
        }
    }

    @Test("Where it must be, sev-snp-measure is there to hold ours against", .enabled(if: Independent.isRequired))
    func isThere() { #expect(Independent.isThere, "run scripts/make-jose-environment") }

    @Test("Guests that are made up have the same digests", .enabled(if: Independent.isThere))
    func digests() async throws {
        let folder = try TemporaryFolder()
        let guests = try (0..<200).map { try Guest($0, in: folder) }
        let answer = try await Independent.run("measure", ["cases": guests.map(\.request)], script: Self.script)
        let digests = try #require(answer["digests"] as? [String])
        #expect(digests.count == guests.count)
        for (guest, digest) in zip(guests, digests) {
            let calculator = try LaunchCalculator(
                guest.technology, firmware: guest.firmware, kernel: guest.kernel, vmm: guest.vmm)
            #expect(Hex.encode(try calculator.digest(guest.settings).bytes) == digest, "\(guest.request)")
        }
    }

    @Test("QEMU's CPU types have the same names and signatures", .enabled(if: Independent.isThere))
    func models() async throws {
        let answer = try await Independent.run("models", script: Self.script)
        let models = try #require(answer["models"] as? [String: Int])
        #expect(Set(models.keys) == Set(CPUType.names))
        for (name, signature) in models { #expect(CPUType(name: name).map { Int($0.signature) } == signature) }
    }
}
