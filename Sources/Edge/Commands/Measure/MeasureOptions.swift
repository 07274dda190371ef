public import Arguments
import Bytes
import Crypto
import Files
public import LaunchDigest

/// A list of values with commas between them.
struct CommaSeparated<Element: ExpressibleByArgument & Hashable>: ExpressibleByArgument {
    let values: [Element]

    init(_ values: [Element]) { self.values = values }

    /// Repeated values count once.
    init?(argument: String) {
        var values: [Element] = []
        for word in argument.split(separator: ",", omittingEmptySubsequences: false) {
            guard let value = Element(argument: String(word)) else { return nil }
            if !values.contains(value) { values.append(value) }
        }
        self.values = values
    }

    var defaultValueDescription: String { values.map(\.defaultValueDescription).joined(separator: ",") }

    /// The values of an element: each is a list of one.
    static var allValueStrings: [String] { Element.allValueStrings }
}

/// A number, decimal or hexadecimal with 0x.
struct Number: ExpressibleByArgument, Hashable {
    let value: UInt64

    init(_ value: UInt64) { self.value = value }

    init?(argument: String) {
        let isHex = argument.hasPrefix("0x")
        guard let value = UInt64(isHex ? argument.dropFirst(2) : argument[...], radix: isHex ? 16 : 10) else {
            return nil
        }
        self.value = value
    }

    var defaultValueDescription: String { "0x" + String(value, radix: 16) }
}

extension VMM: ExpressibleByArgument {}
extension VMSAForm: ExpressibleByArgument {}

/// The files and the VMM of a guest.
struct MeasuredGuest: ParsableArguments {
    @Option(help: ArgumentHelp("The complete OVMF image that the host loads; libkrun: its qboot.", valueName: "file"))
    var firmware: String
    @Option(help: ArgumentHelp("The kernel, if QEMU loads it.", valueName: "file"))
    var kernel: String?
    @Option(help: ArgumentHelp("The initrd, if QEMU loads it.", valueName: "file")) var initrd: String?
    @Option(help: ArgumentHelp("The kernel's exact command line.", valueName: "text")) var append: String?
    @Option(help: "The VMM.") var vmm = VMM.qemu
    @Option(help: ArgumentHelp("libkrun: the guest's memory in MiB.", valueName: "MiB")) var memory: Int?
    @Option(help: ArgumentHelp("libkrun: the kernel's load address, if not 0x1000000.", valueName: "address"))
    var kernelAddress: Number?

    func validate() throws {
        switch vmm {
        case .krun:
            guard append == nil else {
                throw ValidationError("libkrun does not measure the command line: leave out --append")
            }
            guard kernel != nil, initrd != nil else {
                throw ValidationError("libkrun measures both: give --kernel and --initrd, as libkrunfw-sev has them")
            }
            guard memory != nil else { throw ValidationError("libkrun measures the memory's size: give --memory") }
        case .qemu:
            guard kernel != nil || (initrd == nil && append == nil) else {
                throw ValidationError("--initrd and --append go with --kernel")
            }
        case .ec2, .gce:
            guard kernel == nil, initrd == nil, append == nil else {
                throw ValidationError(
                    "\(vmm.rawValue) starts the kernel from the guest's disk, which is not measured: leave out --kernel, "
                        + "--initrd and --append")
            }
        }
        guard vmm == .krun || (memory == nil && kernelAddress == nil) else {
            throw ValidationError("--memory and --kernel-address go with --vmm krun")
        }
        // Bytes that are not UTF-8 were replaced by this character.
        guard append?.unicodeScalars.contains("\u{FFFD}") != true else {
            throw ValidationError("--append is not UTF-8, so its exact bytes are not known")
        }
    }

    /// Reads and hashes the files.
    func calculator(_ technology: SEVTechnology) throws -> LaunchCalculator {
        if vmm == .krun {
            return LaunchCalculator(
                technology,
                krun: try KrunBundle(
                    firmware: try File.read(firmware, atMost: OVMFFirmware.longest),
                    kernel: try File.read(kernel ?? "", atMost: KrunBundle.longest),
                    kernelAddress: kernelAddress?.value ?? KrunBundle.defaultKernelAddress,
                    initrd: try File.read(initrd ?? "", atMost: KrunBundle.longest)))
        }
        let image = try OVMFFirmware(try File.read(firmware, atMost: OVMFFirmware.longest), subject: firmware)
        let hashes = try kernel.map {
            try KernelHashes(kernel: try measured($0), initrd: try initrd.map(measured), commandLine: append ?? "")
        }
        return try LaunchCalculator(technology, firmware: image, kernel: hashes, vmm: vmm)
    }

    /// The digests' documents, with the files' names.
    func documents(_ digests: [LaunchDigest], explained: Bool = false) -> [LaunchDigestDocument] {
        func name(_ path: String?) -> String? { path?.split(separator: "/").last.map(String.init) }
        return digests.map { digest in
            var document = LaunchDigestDocument(digest, explained: explained)
            document.inputs.firmware.name = name(firmware)
            document.inputs.kernel?.name = name(kernel)
            document.inputs.initrd?.name = name(initrd)
            return document
        }
    }

    /// Longest kernel or initrd, in bytes.
    private static let longest = 4 << 30

    /// Hashes a file in parts: an initrd may be long.
    private func measured(_ path: String) throws -> MeasuredFile {
        let file = try OpenFile(path)
        var (hash, size) = (SHA256(), 0)
        while true {
            let part = try file.read(next: 1 << 20)
            guard !part.isEmpty else { return MeasuredFile(sha256: hash.finalize(), size: size) }
            size += part.count
            guard size <= Self.longest else {
                throw CommandFailure("\(path) holds more than \(Self.longest) bytes: it is no kernel or initrd")
            }
            hash.update(data: part)
        }
    }
}

/// The numbers and types of vCPUs.
struct MeasuredVCPUs: ParsableArguments {
    @Option(help: ArgumentHelp("Numbers of vCPUs, e.g. 1,2,4,8.", valueName: "list")) var vcpus: CommaSeparated<Int>
    @Option(help: ArgumentHelp("QEMU: the model given to -cpu, e.g. EPYC-v4; a list.", valueName: "model"))
    var cpu: CommaSeparated<String>?
    @Option(help: ArgumentHelp("The same as a CPUID signature, e.g. 0xa00f11; a list.", valueName: "number"))
    var cpuSignature: CommaSeparated<Number>?
    @Option(help: "The same as numbers: the family, e.g. 25.") var family: Int?
    @Option(help: "The model, e.g. 1.") var model: Int?
    @Option(help: "The stepping, e.g. 1.") var stepping: Int?
    @Option(
        help: ArgumentHelp("The form of the hosts' VMSAs; a list (default: the VMM's most common).", valueName: "form"))
    var vmsa: CommaSeparated<VMSAForm>?

    /// The settings for each combination.
    func settings(_ guest: MeasuredGuest) throws -> [GuestSettings] {
        let forms = vmsa?.values.map(Optional.some) ?? [nil]
        return try types(guest.vmm).flatMap { type in
            forms.flatMap { form in
                vcpus.values.map {
                    GuestSettings(vcpus: $0, cpu: type, vmsaForm: form, memoryMiB: guest.memory)
                }
            }
        }
    }

    private func types(_ vmm: VMM) throws -> [CPUType?] {
        let numbers = [family, model, stepping]
        let ways = [cpu != nil, cpuSignature != nil, numbers.contains { $0 != nil }].count { $0 }
        guard vmm == .qemu else {
            guard ways == 0 else {
                throw ValidationError("\(vmm.rawValue) does not measure the CPU type: leave out --cpu and the like")
            }
            return [nil]
        }
        guard ways == 1 else {
            throw ValidationError(
                "give the CPU type once: --cpu, --cpu-signature, or --family, --model and --stepping")
        }
        if let cpu { return try cpu.values.map(named) }
        if let cpuSignature {
            return try cpuSignature.values.map {
                guard let signature = UInt32(exactly: $0.value) else {
                    throw ValidationError("a CPUID signature has 32 bits, such as 0xa00f11")
                }
                return CPUType(signature: signature)
            }
        }
        guard let family, let model, let stepping else {
            throw ValidationError("--family, --model and --stepping go together")
        }
        guard let type = CPUType(family: family, model: model, stepping: stepping) else {
            throw ValidationError("families are 16 to 270, models 0 to 255 and steppings 0 to 15")
        }
        return [type]
    }

    private func named(_ name: String) throws -> CPUType {
        guard let type = CPUType(name: name) else {
            throw ValidationError(
                "\"\(name)\" is not a CPU type that is known here: give its --cpu-signature, or one of "
                    + CPUType.names.joined(separator: ", "))
        }
        return type
    }
}

/// All inputs of an SEV-SNP guest's digests.
struct MeasuredSNP: ParsableArguments {
    @OptionGroup var guest: MeasuredGuest
    @OptionGroup var vcpus: MeasuredVCPUs
    @Option(help: ArgumentHelp("SEV_FEATURES, as bits; a list.", valueName: "bits"))
    var guestFeatures = CommaSeparated([Number(0x1)])
    @Option(help: ArgumentHelp("The VMSAs' address, if not KVM's.", valueName: "address"))
    var vmsaAddress: Number?

    /// A document for each combination of the listed values.
    func documents(explained: Bool = false) throws -> [LaunchDigestDocument] {
        let all = try vcpus.settings(guest)
        let calculator = try guest.calculator(.snp)
        var digests: [LaunchDigest] = []
        for settings in all {
            for features in guestFeatures.values {
                var settings = settings
                settings.features = features.value
                if let vmsaAddress { settings.vmsaAddress = vmsaAddress.value }
                digests.append(try calculator.digest(settings))
            }
        }
        return guest.documents(digests, explained: explained)
    }
}

/// `--measure` and its options: digests that are computed where a command needs them.
struct MeasuredInstead: ParsableArguments {
    enum Technology: String, CaseIterable, ExpressibleByArgument { case snp }

    @Option(help: "Compute the launch measurements, as `kbs measure` does, with the options that follow.")
    var measure: Technology
    @OptionGroup var snp: MeasuredSNP

    func documents() throws -> [LaunchDigestDocument] {
        switch measure {
        case .snp: try snp.documents()
        }
    }
}
