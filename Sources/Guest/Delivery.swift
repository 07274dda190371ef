import Foundation

/// Where a secret goes. It is in no argument and no environment variable on any of these ways.
public enum Delivery: Sendable {
    case standardOutput
    /// A new file, readable by its owner only, that takes the place of an old one in one step.
    case file(String)
    /// `cryptsetup open DEVICE NAME --key-file=-`, with the secret on its standard input.
    case cryptsetup(device: String, name: String)

    /// - Parameters:
    ///   - out: `-` or a file.
    ///   - cryptsetup: nothing, or a device and a name.
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
    public func deliver(_ secret: ReleasedSecret) async throws {
        do {
            switch self {
            case .standardOutput: try secret.withBytes { try SystemFile.write(all: $0, to: STDOUT_FILENO) }
            case .file(let path): try Self.write(secret, to: path)
            case .cryptsetup(let device, let name): try await Self.open(device, as: name, with: secret)
            }
        } catch let error as SystemFile.Failure {
            throw GuestFailure(.undelivered, "The secret could not be written: \(error).")
        }
    }

    private static func write(_ secret: ReleasedSecret, to path: String) throws {
        let fresh = "\(path).\(UUID().uuidString.lowercased())"
        let file = try SystemFile.open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
        do {
            defer { _ = close(file) }
            try secret.withBytes { try SystemFile.write(all: $0, to: file) }
            guard fsync(file) == 0 || errno == EINVAL else { throw SystemFile.Failure(code: errno) }
            guard rename(fresh, path) == 0 else { throw SystemFile.Failure(code: errno) }
        } catch {
            _ = unlink(fresh)
            throw error
        }
    }

    private static func open(_ device: String, as name: String, with secret: ReleasedSecret) async throws {
        let process = Process()
        process.executableURL = try program("cryptsetup")
        process.arguments = ["open", "--key-file=-", "--", device, name]
        let pipe = Pipe()
        process.standardInput = pipe
        // Our standard output is for secrets only.
        process.standardOutput = FileHandle.standardError
        process.standardError = FileHandle.standardError
        let ended = AsyncStream<Void> { stream in process.terminationHandler = { _ in stream.finish() } }
        do { try process.run() } catch {
            throw GuestFailure(.undelivered, "cryptsetup could not be started: \(error.localizedDescription)")
        }
        let input = pipe.fileHandleForWriting
        // A cryptsetup that ends early closes the pipe; its exit status tells more than that.
        _ = try? secret.withBytes { try SystemFile.write(all: $0, to: input.fileDescriptor) }
        try? input.close()
        for await _ in ended {}
        switch (process.terminationReason, process.terminationStatus) {
        case (.exit, 0): return
        case (.exit, 2):
            throw GuestFailure(
                .undelivered,
                "cryptsetup: the released secret is not a passphrase of \(device). Is the workload's the right one?")
        case (_, let status):
            throw GuestFailure(.undelivered, "cryptsetup failed with status \(status); it said why above.")
        }
    }

    /// Looked for in PATH by hand: an initramfs has no env(1) to do it.
    private static func program(_ name: String) throws -> URL {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin"
        for folder in path.split(separator: ":") where access("\(folder)/\(name)", X_OK) == 0 {
            return URL(filePath: "\(folder)/\(name)")
        }
        throw GuestFailure(.undelivered, "\(name) is not in PATH (\(path)): install it, or use --out.")
    }
}
