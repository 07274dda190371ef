import Bytes
import Foundation
import LaunchDigest
import TestSupport

/// ../shared/vectors/launch: digests by two implementations that are not ours.
struct LaunchVectors: Decodable {
    struct Case: Decodable {
        let mode, firmware, vmm, boot, digest: String
        let vcpus: Int?
        let features, cpu, signature: String?
        let afterFirmware, afterMetadata: String?
    }
    struct Refused: Decodable { let mode, firmware, boot: String }
    struct Krun: Decodable {
        struct Case: Decodable {
            let vcpus, ramMib: Int
            let snp, sevES, sev: String

            enum CodingKeys: String, CodingKey { case vcpus, ramMib, snp, sevES = "sev-es", sev }
        }
        struct VMSAPage: Decodable { let vcpu, features, sha384: String }
        let cases: [Case]
        let vmsaPages: [VMSAPage]
    }

    let cases: [Case]
    let refused: [Refused]
    /// By the file's own names.
    let vmsaPages: [[String: String?]]
    let krun: Krun
    let hashesTableOfBlobs: String
    let firmwareSha256: [String: String]

    static func load() throws -> LaunchVectors {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(LaunchVectors.self, from: Data(Vectors.bytes("vectors/launch/launch.json")))
    }

    static func firmware(_ name: String) throws -> OVMFFirmware {
        try OVMFFirmware(
            name == "made" ? MadeFirmware().bytes : Vectors.bytes("vectors/launch/\(name)-suffix.bin"), subject: name)
    }

    static func kernel(_ boot: String) throws -> KernelHashes? {
        let (kernel, initrd) = (MeasuredFile(blob(5_000, 2)), MeasuredFile(blob(3_000, 3)))
        let nothing = MeasuredFile([])
        return switch boot {
        case "none": nil
        case "empty": try KernelHashes(kernel: nothing, initrd: nothing, commandLine: "")
        case "empty-cmdline":
            try KernelHashes(kernel: nothing, initrd: nothing, commandLine: "console=ttyS0 loglevel=7")
        case "blobs":
            try KernelHashes(
                kernel: kernel, initrd: initrd, commandLine: "console=ttyS0 root=/dev/vda1 quiet")
        case "kernel-only": try KernelHashes(kernel: kernel, initrd: nil, commandLine: "")
        default: throw MalformedInput("boot", "\(boot) is not known")
        }
    }

    static func krun() throws -> KrunBundle {
        try KrunBundle(firmware: blob(65_536, 1), kernel: blob(0x5000, 2), initrd: blob(0x3000, 3))
    }
}

/// A number as the vectors write it, with 0x.
func number(_ text: String) throws -> UInt64 {
    guard text.hasPrefix("0x"), let value = UInt64(text.dropFirst(2), radix: 16) else {
        throw MalformedInput(text, "it is not hexadecimal")
    }
    return value
}
