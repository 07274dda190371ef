package import Broker
import Files
package import FoundationEssentials

/// A file of signed checkpoints, one per line, the latest last.
package struct CheckpointFile: Sendable {
    package let url: URL
    /// The file's name in a data folder.
    static let defaultName = "checkpoints"
    /// In bytes: more than a checkpoint per second for a year.
    private static let longest = 1 << 33
    /// In bytes: a whole line and an incomplete one are shorter.
    private static let endSize = 4_096

    package init(_ url: URL) { self.url = url }

    /// All checkpoints. An incomplete last line, which a full disk may leave, was never acknowledged and is ignored.
    ///
    /// - Throws: ``InvalidSetting`` that names a malformed line.
    package func read() throws -> [Checkpoint] {
        guard File.exists(path) else { return [] }
        let text = String(decoding: try File.read(path, atMost: Self.longest), as: UTF8.self)
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        // Complete but for its end, as an operator may have kept it.
        let last = try? Checkpoint(line: lines.removeLast())
        return try lines.enumerated().map { number, line in
            do { return try Checkpoint(line: line) } catch {
                throw InvalidSetting("\(path), line \(number + 1): \(error)")
            }
        } + [last].compactMap(\.self)
    }

    /// The error for a file that is missing or empty, though a checkpoint was signed.
    var missing: InvalidSetting {
        InvalidSetting(
            "the checkpoints of the audit trail are missing (\(path)): put them back, or say with `kbs audit accept` "
                + "that the trail is as it should be")
    }

    /// The last checkpoint, as of ``read()``; `nil` without one. Only the file's end is read.
    func last() throws -> Checkpoint? {
        let file: OpenFile
        do { file = try OpenFile(path, .readRegular) } catch {
            guard error.isMissing else { throw error }
            return nil
        }
        guard let line = try end(of: file).line else { return nil }
        do { return try Checkpoint(line: line) } catch { throw InvalidSetting("\(path), its last line: \(error)") }
    }

    /// Adds a checkpoint durably; after an error the file is unchanged.
    func append(_ checkpoint: Checkpoint) throws {
        let isNew = !File.exists(path)
        let file = try OpenFile(path, .updateOrMake(mode: 0o644))
        let end = try end(of: file).offset
        try file.truncate(to: end)
        do {
            try file.write(Array((checkpoint.line + "\n").utf8))
            try file.synchronize()
            if isNew { try Folder.synchronize(of: path) }
        } catch {
            try? file.truncate(to: end)
            throw error
        }
    }

    /// The last line with its end, and the offset after it.
    private func end(of file: borrowing OpenFile) throws -> (line: String?, offset: Int) {
        let start = max(0, try file.status().size - Self.endSize)
        try file.seek(to: start)
        let bytes = try file.read(next: Self.endSize)
        guard let end = bytes.lastIndex(of: UInt8(ascii: "\n")) else {
            guard start == 0 else { throw InvalidSetting("\(path) does not end in a line that `kbs` wrote") }
            return (nil, 0)
        }
        let line = bytes[..<end].split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).last ?? []
        return (String(decoding: line, as: UTF8.self), start + end + 1)
    }

    /// Renames the file, if it exists.
    func putAside(at time: Date) throws {
        guard File.exists(path) else { return }
        try File.move(path, to: url.aside("before", at: time).filePath)
    }

    private var path: String { url.filePath }
}
