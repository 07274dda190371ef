public import Crypto
import Evidence
public import Foundation

/// A file with master keys: 64 hex digits on each line, the active one first. Nobody but its owner may read it.
public struct KeyFile: Sendable {
    public let file: URL

    /// The permissions that it must not have.
    private let forbidden: mode_t

    public init(_ file: URL) { self.init(file, forbidden: 0o077) }

    /// A file that systemd made for this service alone. It may give the service's user access by a list, whose mask
    /// shows in the place of the group's permissions.
    init(credential file: URL) { self.init(file, forbidden: 0o007) }

    private init(_ file: URL, forbidden: mode_t) { (self.file, self.forbidden) = (file, forbidden) }

    private var path: String { file.path(percentEncoded: false) }

    public var exists: Bool { FileManager.default.fileExists(atPath: path) }

    /// - Throws: ``MasterKeyError`` when it is missing, open to others, or holds anything else.
    public func read() throws -> [SymmetricKey] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw MasterKeyError(
                errno == ENOENT
                    ? "\(path) is missing: put the master key back, or name where it is with keys.master"
                    : "\(path) cannot be read: \(String(cString: strerror(errno)))")
        }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        var status = stat()
        // Of the file that was opened, not of the one that may have taken its name.
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw MasterKeyError("\(path) is not a file")
        }
        guard status.st_mode & forbidden == 0 else {
            throw MasterKeyError("\(path) can be read by others than its owner: chmod 600 it, and ask who read it")
        }
        return try Self.parse(try handle.read(upToCount: 65_536) ?? Data(), from: path)
    }

    static func parse(_ contents: Data, from name: String) throws -> [SymmetricKey] {
        let lines = String(decoding: contents, as: UTF8.self).split(whereSeparator: \.isNewline)
            .map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
        guard !lines.isEmpty else {
            throw MasterKeyError("\(name) is empty and should hold 64 hex digits on each line")
        }
        return try lines.enumerated().map { number, line in
            guard let key = Hex.decode(line), key.count == 32 else {
                throw MasterKeyError("\(name), line \(number + 1), does not hold 64 hex digits")
            }
            return SymmetricKey(data: key)
        }
    }

    /// Puts these keys in the place of what is there. The file is whole at every moment, and on the disk
    /// before this returns.
    public func write(_ keys: [SymmetricKey]) throws {
        let text = keys.map { $0.withUnsafeBytes { Hex.encode(Array($0)) } + "\n" }.joined()
        do {
            try DurableFile.replace(file, with: Data(text.utf8))
        } catch {
            throw MasterKeyError("\(path) cannot be written: \(error)")
        }
    }
}
