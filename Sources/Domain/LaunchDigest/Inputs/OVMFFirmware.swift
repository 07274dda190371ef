public import Bytes
import Crypto

/// An OVMF image, with the tables that tell a VMM how to start confidential guests.
///
/// Source: edk2, OvmfPkg/ResetVector; QEMU, hw/i386/pc_sysfw_ovmf.c and target/i386/sev.c.
public struct OVMFFirmware: Sendable {
    /// The longest image that is read, in bytes.
    public static let longest = 64 << 20

    /// The image's SHA-256 and size.
    public let file: MeasuredFile
    /// The start address of further vCPUs (SEV-ES reset block); nil without the block.
    public let resetAddress: UInt32?
    /// The address at which the firmware reads the hashes of kernel, initrd and command line; nil when it verifies no
    /// kernel.
    public let hashTableAddress: UInt32?
    /// The sections of the SEV metadata, in the table's order; nil without the metadata.
    public let sections: [Section]?

    let bytes: [UInt8]
    let subject: String

    /// Guest memory that the firmware asks the VMM to prepare.
    public struct Section: Sendable, Hashable {
        /// OvmfPkg/ResetVector/X64/OvmfSevMetadata.asm.
        public enum Kind: UInt32, Sendable { case secMem = 1, secrets, cpuid, svsmCAA, kernelHashes = 0x10 }

        /// The type in the table.
        public let type: UInt32
        /// Guest-physical, a multiple of 4,096.
        public let address: UInt64
        /// In bytes, a multiple of 4,096.
        public let size: UInt64

        /// nil for an unknown type.
        public var kind: Kind? { Kind(rawValue: type) }
    }

    /// Reads an image.
    ///
    /// - Parameters:
    ///   - bytes: the whole file that the host loads, VARS included if it is one file with them.
    ///   - subject: the image's name in errors.
    /// - Throws: ``MalformedInput`` for a size that no VMM loads, and for inconsistent tables.
    public init(_ bytes: [UInt8], subject: String = "firmware") throws(MalformedInput) {
        if bytes.starts(with: "IGVM".utf8) {
            throw MalformedInput(
                subject, "it is an IGVM file, which has an order of pages of its own: give the OVMF image of the guest")
        }
        guard !bytes.isEmpty, bytes.count.isMultiple(of: Page.size), bytes.count <= Self.longest else {
            throw MalformedInput(
                subject,
                "it has \(bytes.count) bytes: an OVMF image has a multiple of 4,096, and at most \(Self.longest)")
        }
        (self.bytes, self.subject, file) = (bytes, subject, MeasuredFile(bytes))
        guard let table = try GUIDedTable(of: bytes, subject: subject) else {
            (resetAddress, hashTableAddress, sections) = (nil, nil, nil)
            return
        }
        resetAddress = try Self.resetAddress(table)
        hashTableAddress = try Self.hashTableAddress(table, subject)
        sections = try Self.sections(table, bytes, subject)
    }

    /// The load address of the image: it ends at 4 GiB.
    var address: UInt64 { (1 << 32) - UInt64(bytes.count) }

    private static func resetAddress(_ table: GUIDedTable) throws(MalformedInput) -> UInt32? {
        guard var block = try table.block(.sevESResetBlock, "SEV-ES reset block", count: 4) else { return nil }
        let address = try block.u32()
        return address == 0 ? nil : address
    }

    private static func hashTableAddress(_ table: GUIDedTable, _ subject: String) throws(MalformedInput) -> UInt32? {
        guard var block = try table.block(.hashTablePlace, "block for the hash table", count: 8) else { return nil }
        let (address, size) = (try block.u32(), try block.u32())
        guard address != 0 else { return nil }
        // QEMU refuses a size that is too small, and aborts when the table crosses a page.
        guard size >= UInt32(KernelHashes.tableSize),
            Int(address % UInt32(Page.size)) + KernelHashes.tableSize <= Page.size
        else {
            throw MalformedInput(
                subject, "its place for kernel hashes, \(size) bytes at \(hex(address)), has no room for them")
        }
        return address
    }

    /// Far more pages than any firmware asks for.
    private static let mostPages: UInt64 = 1 << 14

    private static func sections(
        _ table: GUIDedTable, _ bytes: [UInt8], _ subject: String
    ) throws(MalformedInput) -> [Section]? {
        guard var block = try table.block(.sevMetadata, "block for the SEV metadata", count: 4) else { return nil }
        let fromEnd = Int(try block.u32())
        guard fromEnd <= bytes.count else {
            throw MalformedInput(subject, "its SEV metadata would begin \(fromEnd) bytes before its end")
        }
        let subject = "\(subject), SEV metadata"
        var cursor = ByteCursor(bytes.suffix(fromEnd), subject: subject)
        guard try cursor.take(4) == Array("ASEV".utf8) else {
            throw MalformedInput(subject, "it does not begin with ASEV")
        }
        let (length, version, count) = (try cursor.u32(), try cursor.u32(), try cursor.u32())
        guard version == 1 else { throw MalformedInput(subject, "it has version \(version), and only 1 is known") }
        guard UInt64(length) == 16 + 12 * UInt64(count), Int(count) <= cursor.remaining / 12 else {
            throw MalformedInput(subject, "\(count) sections do not fit into its length of \(length) bytes")
        }
        var (sections, pages): ([Section], UInt64) = ([], 0)
        for _ in 0..<count {
            let (address, size) = (UInt64(try cursor.u32()), UInt64(try cursor.u32()))
            let section = Section(type: try cursor.u32(), address: address, size: size)
            try section.check(subject)
            pages += size / UInt64(Page.size)
            guard pages <= mostPages else {
                throw MalformedInput(subject, "its sections have more than \(mostPages) pages")
            }
            sections.append(section)
        }
        return sections
    }
}

extension OVMFFirmware.Section {
    fileprivate func check(_ subject: String) throws(MalformedInput) {
        let page = UInt64(Page.size)
        guard address.isMultiple(of: page), size.isMultiple(of: page), size > 0, address + size <= 1 << 32 else {
            throw MalformedInput(subject, "the section at \(hex(address)), \(hex(size)) bytes, is not made of pages")
        }
        // VMMs add one page for these types, and would differ for a longer section.
        guard size == page || kind == .secMem || kind == .svsmCAA || kind == nil else {
            throw MalformedInput(
                subject, "the section at \(hex(address)) has type \(type), which is one page, and \(hex(size)) bytes")
        }
    }
}
