import Bytes
public import Crypto
import Files
public import FoundationEssentials

/// A file with master keys: 64 hex digits on each line, the active one first. A file that others can read is refused;
/// see ``PrivateFile`` for groups.
public struct KeyFile: Sendable {
    public let file: URL
    private let group: PrivateFile.GroupRule

    public init(_ file: URL) { self.init(file, group: .judged) }

    /// A credential that systemd made for this service. It may grant the service's user access by an ACL, whose mask
    /// appears in place of the group's permissions.
    init(credential file: URL) { self.init(file, group: .isMask) }

    private init(_ file: URL, group: PrivateFile.GroupRule) { (self.file, self.group) = (file, group) }

    private var path: String { file.filePath }

    public var exists: Bool { File.exists(path) }

    /// A warning about who can read the file; nil when there is none, or no file.
    public var warning: String? { try? PrivateFile.examine(path, group: group) }

    /// - Throws: ``MasterKeyError`` when the file is missing, accessible to others, or holds anything else.
    public func read() throws -> [SymmetricKey] {
        let contents: PrivateFile.Contents
        do { contents = try PrivateFile.read(path, atMost: 65_536, group: group) } catch {
            throw MasterKeyError(
                error.isMissing
                    ? "\(path) is missing: put the master key back, or name where it is with keys.master"
                    : error.description)
        }
        return try Self.parse(contents.secret, from: path)
    }

    static func parse(_ contents: Secret, from name: String) throws -> [SymmetricKey] {
        let keys = try contents.withBytes { bytes in
            // Parsed in place, so that no copy of the keys stays in memory.
            let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map(trimmed)
            return try lines.enumerated().filter { !$0.element.isEmpty }.map { number, line in
                guard let key = key(line) else {
                    throw MasterKeyError("\(name), line \(number + 1), does not hold 64 hex digits")
                }
                return key
            }
        }
        guard !keys.isEmpty else {
            throw MasterKeyError("\(name) is empty and should hold 64 hex digits on each line")
        }
        return keys
    }

    private static func trimmed(_ line: Slice<UnsafeRawBufferPointer>) -> Slice<UnsafeRawBufferPointer> {
        func isBlank(_ byte: UInt8) -> Bool {
            [UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r")].contains(byte)
        }
        let end = line.lastIndex { !isBlank($0) }.map { $0 + 1 } ?? line.startIndex
        return line[..<end].drop(while: isBlank)
    }

    private static func key(_ line: Slice<UnsafeRawBufferPointer>) -> SymmetricKey? {
        var digits = Array(line)
        defer { digits.wipe() }
        guard var bytes = Hex.decode(utf8: digits), bytes.count == 32 else { return nil }
        return SymmetricKey(Secret(wiping: &bytes))
    }

    /// Replaces the file's keys, atomically, and returns when the new file is on the disk.
    public func write(_ keys: [SymmetricKey]) throws {
        var text: [UInt8] = []
        text.reserveCapacity(keys.count * 65)
        defer { text.wipe() }
        for key in keys {
            var digits = key.withUnsafeBytes { Hex.encodeUTF8($0) }
            text += digits
            text.append(UInt8(ascii: "\n"))
            digits.wipe()
        }
        do { try File.replace(path, with: text, owner: .folders) } catch { throw MasterKeyError(error.description) }
    }
}
