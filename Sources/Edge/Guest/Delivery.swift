public import Bytes
import Files

/// The destination of a secret. The secret is never in an argument or an environment variable.
public enum Delivery: Sendable {
    case standardOutput
    /// A new file, readable by its owner only, that replaces an existing one atomically.
    case file(String)
    /// `cryptsetup open DEVICE NAME --key-file=-`, with the secret on its standard input.
    case cryptsetup(device: String, name: String)

    /// - Parameters:
    ///   - out: `-` or a file.
    ///   - cryptsetup: empty, or a device and a name.
    public init(out: String?, cryptsetup: [String]) throws {
        switch (out, cryptsetup.count) {
        case (nil, 0), ("-", 0): self = .standardOutput
        case (let path?, 0) where !path.isEmpty: self = .file(path)
        case (nil, 2):
            let (device, name) = (cryptsetup[0], cryptsetup[1])
            guard !device.isEmpty, !name.isEmpty, !name.contains("/") else {
                throw GuestFailure(.unusable, "--cryptsetup needs a device and the name for the opened one (no slash).")
            }
            self = .cryptsetup(device: device, name: name)
        case (_?, 1...): throw GuestFailure(.unusable, "Give --out or --cryptsetup, not both.")
        default:
            throw GuestFailure(.unusable, "--cryptsetup needs two values, DEVICE and NAME; --out needs - or a file.")
        }
    }

    /// - Throws: ``GuestFailure`` of kind `undelivered`.
    public func deliver(_ secret: Secret) async throws {
        do {
            switch self {
            case .standardOutput:
                try secret.withBytes { bytes throws(FileError) in try StandardStream.output.write(bytes) }
            case .file(let path):
                try File.replace(path) { file throws(FileError) in
                    try secret.withBytes { bytes throws(FileError) in try file.write(bytes) }
                }
            case .cryptsetup(let device, let name): try await Self.open(device, as: name, with: secret)
            }
        } catch let error as FileError {
            throw GuestFailure(.undelivered, "The secret could not be written: \(error).")
        }
    }

    private static func open(_ device: String, as name: String, with secret: Secret) async throws {
        let program = try ChildProcess.find("cryptsetup")
        let child = ChildProcess(program: program, arguments: ["open", "--key-file=-", "--", device, name])
        switch try await OwnThread.run({ try child.run(input: secret) }) {
        case 0: return
        case 2:
            throw GuestFailure(
                .undelivered,
                "cryptsetup: the released secret is not a passphrase of \(device). Is the workload's the right one?")
        case let status:
            throw GuestFailure(.undelivered, "cryptsetup failed with status \(status); it said why above.")
        }
    }
}
