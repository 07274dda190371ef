public import Bytes
import Formats

/// A launch digest as written to files: the digest, its inputs and settings and, if explained, its regions.
///
/// The members are the JSON's, in snake case; members that do not apply are left out.
public struct LaunchDigestDocument: Sendable, Hashable, Encodable {
    /// In hex.
    public var digest: String
    public var technology: String
    public var vmm: String
    public var vcpus: Int?
    /// The CPU type's name.
    public var cpu: String?
    /// In hex with 0x, as are the numbers below.
    public var cpuSignature: String?
    public var guestFeatures: String?
    /// The form of the VMSA.
    public var vmsa: String?
    /// Left out when it is the usual one.
    public var vmsaAddress: String?
    public var memoryMiB: Int?
    public var inputs: Inputs
    /// nil unless the digest is explained.
    public var regions: [Region]?

    /// See ``LaunchInputs``.
    public struct Inputs: Sendable, Hashable, Encodable {
        public var firmware: File
        public var kernel: File?
        public var initrd: File?
        public var commandLine: String?

        enum CodingKeys: String, CodingKey { case firmware, kernel, initrd, commandLine = "command_line" }
    }

    /// See ``MeasuredFile``.
    public struct File: Sendable, Hashable, Encodable {
        /// Without its folders.
        public var name: String?
        public var sha256: String
        public var size: Int
    }

    /// See ``LaunchRegion``.
    public struct Region: Sendable, Hashable, Encodable {
        public var name: String
        public var pageType: String?
        public var address: String?
        public var size: Int
        public var contents: String?
        public var details: [String: String]?
        public var digestAfter: String

        enum CodingKeys: String, CodingKey {
            case name, address, size, contents, details
            case pageType = "page_type"
            case digestAfter = "digest_after"
        }
    }

    enum CodingKeys: String, CodingKey {
        case digest, technology, vmm, vcpus, cpu, vmsa, inputs, regions
        case cpuSignature = "cpu_signature"
        case guestFeatures = "guest_features"
        case vmsaAddress = "vmsa_address"
        case memoryMiB = "memory_mib"
    }
}

extension LaunchDigestDocument {
    /// - Parameter explained: whether to include the regions.
    public init(_ digest: LaunchDigest, explained: Bool) {
        let settings = digest.settings
        let hasVMSAs = digest.technology != .sev
        self.digest = Hex.encode(digest.bytes)
        (technology, vmm) = (digest.technology.rawValue, digest.vmm.rawValue)
        inputs = Inputs(digest.inputs)
        if hasVMSAs || digest.vmm == .krun { vcpus = settings.vcpus }
        if hasVMSAs, digest.vmm == .qemu, let type = settings.cpu {
            (cpu, cpuSignature) = (type.name, hex(type.signature))
        }
        if digest.technology == .snp {
            guestFeatures = hex(settings.features)
            if settings.vmsaAddress != GuestSettings.defaultVMSAAddress { vmsaAddress = hex(settings.vmsaAddress) }
        }
        if hasVMSAs { vmsa = (settings.vmsaForm ?? digest.vmm.defaultVMSAForm).rawValue }
        if digest.vmm == .krun { memoryMiB = settings.memoryMiB }
        if explained { regions = digest.regions.map(Region.init) }
    }
}

extension LaunchDigestDocument.Inputs {
    init(_ inputs: LaunchInputs) {
        firmware = .init(inputs.firmware)
        kernel = inputs.kernel.map { .init($0) }
        initrd = inputs.initrd.map { .init($0) }
        commandLine = inputs.commandLine
    }
}

extension LaunchDigestDocument.File {
    init(_ file: MeasuredFile) { (sha256, size) = (Hex.encode(file.sha256), file.size) }
}

extension LaunchDigestDocument.Region {
    init(_ region: LaunchRegion) {
        (name, pageType, size) = (region.name, region.pageType, region.size)
        address = region.address.map { hex($0) }
        contents = region.contents.map { Hex.encode($0) }
        details =
            region.details.isEmpty
            ? nil : Dictionary(region.details.map { ($0.name, $0.value) }) { first, _ in first }
        digestAfter = Hex.encode(region.digestAfter)
    }
}

// Reading documents.
extension LaunchDigestDocument {
    /// Reads the documents of a file: an array of them, or one.
    ///
    /// - Throws: ``MalformedInput`` that names the member.
    public static func read(_ json: [UInt8]) throws(MalformedInput) -> [LaunchDigestDocument] {
        let json = try JSON(json)
        guard json.kind == .array else { return [try LaunchDigestDocument(json)] }
        var documents: [LaunchDigestDocument] = []
        for element in try json.array() { documents.append(try LaunchDigestDocument(element)) }
        return documents
    }

    private init(_ json: JSON) throws(MalformedInput) {
        digest = try json.member("digest").hexDigits()
        (technology, vmm) = (try json.member("technology").text(), try json.member("vmm").text())
        vcpus = try json.optional("vcpus")?.integer()
        cpu = try json.optional("cpu")?.text()
        cpuSignature = try json.optional("cpu_signature")?.text()
        guestFeatures = try json.optional("guest_features")?.text()
        vmsa = try json.optional("vmsa")?.text()
        vmsaAddress = try json.optional("vmsa_address")?.text()
        memoryMiB = try json.optional("memory_mib")?.integer()
        inputs = try Inputs(json.member("inputs"))
        guard let list = try json.optional("regions") else { return }
        var regions: [Region] = []
        for element in try list.array() { regions.append(try Region(element)) }
        self.regions = regions
    }
}

extension LaunchDigestDocument.Inputs {
    fileprivate init(_ json: JSON) throws(MalformedInput) {
        firmware = try .init(json.member("firmware"))
        if let file = try json.optional("kernel") { kernel = try .init(file) }
        if let file = try json.optional("initrd") { initrd = try .init(file) }
        commandLine = try json.optional("command_line")?.text()
    }
}

extension LaunchDigestDocument.File {
    fileprivate init(_ json: JSON) throws(MalformedInput) {
        name = try json.optional("name")?.text()
        sha256 = try json.member("sha256").hexDigits()
        size = try json.member("size").integer(in: 0...Int.max)
    }
}

extension LaunchDigestDocument.Region {
    fileprivate init(_ json: JSON) throws(MalformedInput) {
        name = try json.member("name").text()
        pageType = try json.optional("page_type")?.text()
        address = try json.optional("address")?.text()
        size = try json.member("size").integer(in: 0...Int.max)
        contents = try json.optional("contents")?.hexDigits()
        digestAfter = try json.member("digest_after").hexDigits()
        guard let members = try json.optional("details")?.members() else { return }
        var details: [String: String] = [:]
        for (name, value) in members { details[name.text] = try value.text() }
        self.details = details
    }
}

extension JSON {
    fileprivate func hexDigits() throws(MalformedInput) -> String {
        let text = try text()
        guard let bytes = Hex.decode(text), !bytes.isEmpty else { throw unfit("a digest in hex digits") }
        return text.lowercased()
    }
}
