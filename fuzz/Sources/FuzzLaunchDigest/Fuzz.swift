import FuzzSupport
import LaunchDigest

/// Any bytes as the end of a firmware image, or as digests in a file when they begin as JSON does: they are refused, or every
/// guest of that firmware has a digest or a sentence why not.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = Depth.bytes(start, count)
    if bytes.first == UInt8(ascii: "[") { compare(bytes) }
    readBlock(bytes)
    let whole = (bytes.count + 4_095) / 4_096 * 4_096
    measure([UInt8](repeating: 0, count: whole - bytes.count) + bytes)
    return 0
}

private let kernel = try? KernelHashes(
    kernel: MeasuredFile([1]), initrd: MeasuredFile([2]), commandLine: "console=ttyS0")

private func measure(_ image: [UInt8]) {
    guard let firmware = try? OVMFFirmware(image) else { return }
    Depth.reached("an image read")
    if firmware.resetAddress != nil { Depth.reached("an image with a reset address") }
    guard firmware.sections != nil else { return }
    Depth.reached("an image with SEV metadata")
    for (technology, vmm) in [(SEVTechnology.snp, VMM.qemu), (.snp, .ec2), (.sevES, .qemu)] {
        guard let calculator = try? LaunchCalculator(technology, firmware: firmware, kernel: kernel, vmm: vmm) else {
            _ = try? LaunchCalculator(technology, firmware: firmware, vmm: vmm)
            continue
        }
        Depth.reached("an image that takes a kernel")
        for vcpus in [1, 3] {
            let settings = GuestSettings(vcpus: vcpus, cpu: CPUType(signature: 0xA0_0F11))
            guard let digest = try? calculator.digest(settings) else { continue }
            Depth.reached("a digest")
            precondition(digest.bytes.count == (technology == .snp ? 48 : 32))
            precondition(digest.regions.last?.digestAfter == digest.bytes)
            let document = LaunchDigestDocument(digest, explained: true)
            precondition(LaunchDigestComparison(document, document).isSame)
        }
    }
}

private func compare(_ json: [UInt8]) {
    guard let documents = try? LaunchDigestDocument.read(json) else { return }
    Depth.reached("digests read")
    for document in documents.prefix(4) {
        let comparison = LaunchDigestComparison(document, documents[0])
        precondition(comparison.isSame == (document.digest == documents[0].digest))
        if comparison.parting != nil { Depth.reached("digests that part") }
    }
}

/// An ID block, or what it is signed with, in as many bytes as either has.
private func readBlock(_ bytes: [UInt8]) {
    func padded(_ count: Int) -> [UInt8] {
        Array(bytes.prefix(count)) + Array(repeating: 0, count: max(0, count - bytes.count))
    }
    if let block = try? IDBlock(padded(IDBlock.size)) {
        Depth.reached("an ID block")
        precondition(block.bytes == padded(IDBlock.size))
    }
    if let authentication = try? IDAuthentication(padded(IDAuthentication.size)) {
        Depth.reached("an ID authentication")
        precondition((try? IDAuthentication(authentication.bytes)) == authentication)
    }
}
