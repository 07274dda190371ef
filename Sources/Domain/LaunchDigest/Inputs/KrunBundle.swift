public import Bytes

/// The contents of libkrunfw-sev.so: a firmware (qboot), a kernel and an initrd. libkrun loads and measures all three,
/// and measures neither the command line nor the disk.
///
/// Source: libkrunfw, utils/krunfw_measurement; libkrun, src/arch/src/x86_64.
public struct KrunBundle: Sendable {
    /// The load address of libkrunfw's kernels.
    public static let defaultKernelAddress: UInt64 = 0x100_0000
    /// The longest kernel or initrd, in bytes.
    public static let longest = 1 << 30

    /// The accepted sizes of guest memory, in MiB.
    public static let memory = 2...16_777_216

    let firmware: [UInt8]
    let kernel: [UInt8]
    let kernelAddress: UInt64
    let initrd: [UInt8]
    let inputs: LaunchInputs

    /// - Parameters:
    ///   - firmware: qboot, 65,536 bytes.
    ///   - kernel: its segments in a flat image, as in libkrunfw.
    ///   - kernelAddress: its guest-physical load address.
    /// - Throws: ``MalformedInput`` for sizes and addresses that are not whole pages.
    public init(
        firmware: [UInt8], kernel: [UInt8], kernelAddress: UInt64 = defaultKernelAddress, initrd: [UInt8]
    ) throws(MalformedInput) {
        guard firmware.count == 1 << 16 else {
            throw MalformedInput("firmware", "it has \(firmware.count) bytes: libkrun's qboot has 65,536")
        }
        for (name, bytes) in [("kernel", kernel), ("initrd", initrd)] {
            guard !bytes.isEmpty, bytes.count.isMultiple(of: Page.size), bytes.count <= Self.longest else {
                throw MalformedInput(
                    name,
                    "it has \(bytes.count) bytes: in libkrunfw it has a multiple of 4,096, and at most \(Self.longest)")
            }
        }
        guard kernelAddress.isMultiple(of: UInt64(Page.size)), kernelAddress < 1 << 48 else {
            throw MalformedInput("kernel", "its address \(hex(kernelAddress)) is not that of a page")
        }
        (self.firmware, self.kernel, self.kernelAddress, self.initrd) = (firmware, kernel, kernelAddress, initrd)
        inputs = LaunchInputs(
            firmware: MeasuredFile(firmware), kernel: MeasuredFile(kernel), initrd: MeasuredFile(initrd),
            commandLine: nil)
    }

    static let firmwareAddress: UInt64 = 0xFFFF_0000
    static let initrdAddress: UInt64 = 0xA0_0000
    static let bootParametersAddress: UInt64 = 0x7000

    /// Linux' `struct boot_params`, as libkrun fills it in for an encrypted guest.
    ///
    /// - Parameter asMeasurementTool: whether to compute as `krunfw_measurement` and not as libkrun at exactly 3,328
    ///   MiB, the one size where they differ.
    func bootParameters(vcpus: Int, memoryMiB: Int, asMeasurementTool: Bool = false) -> FieldPage {
        let memory = memoryMap(UInt64(memoryMiB) << 20, asMeasurementTool: asMeasurementTool)
        var page = FieldPage()
        page.set("e820_entries", 0x1E8, 1, UInt64(memory.count))
        page.set("vcpus", 0x1F4, 4, UInt64(vcpus))
        page.set("boot_flag", 0x1FE, 2, 0xAA55)
        page.set("header", 0x202, 4, 0x5372_6448)
        page.set("type_of_loader", 0x210, 1, 0xFF)
        page.set("ramdisk_image", 0x218, 4, Self.initrdAddress)
        page.set("ramdisk_size", 0x21C, 4, UInt64(initrd.count))
        page.set("cmd_line_ptr", 0x228, 4, 0x2_0000)
        page.set("kernel_alignment", 0x230, 4, 0x100_0000)
        page.set("cmdline_size", 0x238, 4, 0x200)
        for (index, entry) in memory.enumerated() {
            let offset = 0x2D0 + 20 * index
            page.set("e820[\(index)].address", offset, 8, entry.address)
            page.set("e820[\(index)].size", offset + 8, 8, entry.size)
            page.set("e820[\(index)].type", offset + 16, 4, 1)
        }
        return page
    }

    private func memoryMap(_ memory: UInt64, asMeasurementTool: Bool) -> [(address: UInt64, size: UInt64)] {
        let (high, gap): (UInt64, UInt64) = (0x10_0000, 0xD000_0000)
        let low: (UInt64, UInt64) = (0, 0x9_FC00)
        if memory < gap || (memory == gap && asMeasurementTool) { return [low, (high, memory - high + 1)] }
        if memory == gap { return [low, (high, gap - high)] }
        return [low, (high, gap - high), (1 << 32, memory - gap + 1)]
    }
}
