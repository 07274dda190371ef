public import Bytes
import Crypto

/// The hashes of kernel, initrd and command line, which QEMU writes into a guest's memory (`kernel-hashes=on`) for the
/// firmware to verify before it boots.
///
/// Source: QEMU, target/i386/sev.c, `sev_add_kernel_loader_hashes`.
public struct KernelHashes: Sendable, Hashable {
    public let kernel: MeasuredFile
    /// Without an initrd, the hash is that of no bytes.
    public let initrd: MeasuredFile?
    public let commandLine: String

    /// - Parameters:
    ///   - kernel: the unchanged file (`-kernel`).
    ///   - commandLine: the kernel's command line (`-append`), without the NUL that ends it in memory.
    /// - Throws: ``MalformedInput`` for a command line that holds a NUL.
    public init(kernel: MeasuredFile, initrd: MeasuredFile?, commandLine: String) throws(MalformedInput) {
        guard !commandLine.utf8.contains(0) else {
            throw MalformedInput("command line", "it holds a NUL, which would end it")
        }
        (self.kernel, self.initrd, self.commandLine) = (kernel, initrd, commandLine)
    }

    /// The size of the table, padded with zeros to a multiple of 16.
    static let tableSize = 176

    private var initrdHash: SHA256Digest { initrd?.sha256 ?? SHA256.hash(data: []) }
    private var commandLineHash: SHA256Digest { SHA256.hash(data: Array(commandLine.utf8) + [0]) }

    /// A GUID and a length before each hash, and before the whole.
    var table: [UInt8] {
        var table: [UInt8] = []
        for (guid, hash) in [
            (EFIGUID.commandLineHash, commandLineHash), (.initrdHash, initrdHash), (.kernelHash, kernel.sha256),
        ] {
            table += guid.bytes + UInt16(50).littleEndianBytes + hash
        }
        table = EFIGUID.hashTable.bytes + UInt16(table.count + 18).littleEndianBytes + table
        return table + [UInt8](repeating: 0, count: Self.tableSize - table.count)
    }

    /// A page of zeros with the table at the address's offset within its page.
    func page(at address: UInt32) -> [UInt8] {
        let before = Int(address % UInt32(Page.size))
        let table = table
        return [UInt8](repeating: 0, count: before) + table
            + [UInt8](repeating: 0, count: max(0, Page.size - before - table.count))
    }

    var details: [LaunchRegion.Detail] {
        [
            .init(name: "command_line_sha256", value: Hex.encode(commandLineHash)),
            .init(name: "initrd_sha256", value: Hex.encode(initrdHash)),
            .init(name: "kernel_sha256", value: Hex.encode(kernel.sha256)),
        ]
    }
}
