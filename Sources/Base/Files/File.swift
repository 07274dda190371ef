import Bytes
public import FoundationEssentials
import Glibc

/// Operations on whole files, by path.
public enum File {
    /// Whether the path exists, also as a dangling link.
    public static func exists(_ path: String) -> Bool { FileStatus.of(path, followingLinks: false) != nil }

    /// - Throws: ``FileError``; with `EFBIG` when it is larger than `limit` bytes.
    public static func read(_ path: String, atMost limit: Int) throws(FileError) -> [UInt8] {
        try OpenFile(path).read(atMost: limit)
    }

    /// Reads a file as UTF-8, with its byte order mark.
    ///
    /// - Throws: ``FileError``; with `EILSEQ` when it is not UTF-8.
    public static func readText(_ path: String, atMost limit: Int) throws(FileError) -> String {
        let bytes = try read(path, atMost: limit)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw FileError(path: path, code: EILSEQ, description: "\(path) cannot be read: it is not text in UTF-8")
        }
        return text
    }

    /// Makes a new file, durably.
    ///
    /// - Throws: ``FileError``; with `EEXIST` when the path exists.
    public static func make(
        _ path: String, _ contents: [UInt8] = [], mode: UInt32 = 0o600, owner: OpenFile.Owner = .process
    ) throws(FileError) {
        try make(path, mode: mode, owner: owner) { file throws(FileError) in try file.write(contents) }
    }

    private static func make(
        _ path: String, mode: UInt32, owner: OpenFile.Owner, _ body: (borrowing OpenFile) throws(FileError) -> Void
    ) throws(FileError) {
        do {
            let file = try OpenFile(path, .make(mode: mode, owner: owner))
            try body(file)
            try file.synchronize()
            try Folder.synchronize(of: path)
        } catch {
            // An existing file is another process's.
            if error.code != EEXIST { unlink(path) }
            throw error
        }
    }

    /// Makes a new file with another's contents, durably.
    public static func copy(
        _ path: String, to name: String, mode: UInt32 = 0o600, owner: OpenFile.Owner = .process
    ) throws(FileError) {
        let source = try OpenFile(path, .readRegular)
        // Into the file that was made: another process may put a link in its place.
        try make(name, mode: mode, owner: owner) { target throws(FileError) in
            while true {
                var chunk = try source.read(next: 1 << 20)
                defer { chunk.wipe() }
                guard !chunk.isEmpty else { break }
                try target.write(chunk)
            }
        }
    }

    /// Replaces or makes a file atomically: at every moment, also after a power failure, it is the whole old or new one. A
    /// link is replaced, not followed.
    ///
    /// - Parameters:
    ///   - mode: with ``OpenFile/Owner/folders`` of a file that replaces none, or one that is open to others.
    ///   - owner: with ``OpenFile/Owner/folders`` the new file has the replaced one's owner and group, and its permissions
    ///     if those are closed to others: a command of root's must not take a file away from the user, or the group, that
    ///     reads it. Otherwise whoever made the old file has no part in the new one.
    /// - Throws: ``FileError``; with `EBUSY` while another process does the same. The old file is unchanged then.
    public static func replace(
        _ path: String, with contents: [UInt8], mode: UInt32 = 0o600, owner: OpenFile.Owner = .process
    ) throws(FileError) {
        try replace(path, mode: mode, owner: owner) { file throws(FileError) in try file.write(contents) }
    }

    /// - Parameter body: writes the contents.
    public static func replace(
        _ path: String, mode: UInt32 = 0o600, owner: OpenFile.Owner = .process,
        _ body: (borrowing OpenFile) throws(FileError) -> Void
    ) throws(FileError) {
        if FileStatus.of(path)?.kind == .folder { throw FileError(path, .write, EISDIR) }
        let draft = try Draft(path, mode, owner)
        do {
            if owner == .folders, let old = FileStatus.of(path, followingLinks: false), old.kind == .file {
                try draft.file.takeOver(old, of: path)
            }
            try body(draft.file)
            try draft.file.synchronize()
            try move(draft.file.path, to: path)
        } catch {
            unlink(draft.file.path)
            throw error
        }
    }

    /// Renames a file durably, replacing an existing one.
    public static func move(_ path: String, to name: String) throws(FileError) {
        guard rename(path, name) == 0 else {
            let code = errno
            throw exists(path) ? FileError(name, .make, code) : FileError(path, .rename, code)
        }
        try Folder.synchronize(of: name)
    }

    /// Makes a hard link at a new path.
    public static func link(_ path: String, as name: String) throws(FileError) {
        guard Glibc.link(path, name) == 0 else {
            let code = errno
            throw exists(path) ? FileError(name, .make, code) : FileError(path, .look, code)
        }
    }

    /// - Returns: whether it existed.
    @discardableResult
    public static func remove(_ path: String) throws(FileError) -> Bool {
        if unlink(path) == 0 { return true }
        let code = errno
        if code == ENOENT { return false }
        throw FileError(path, .remove, code)
    }

    /// Flushes a file's contents to the disk.
    public static func synchronize(_ path: String) throws(FileError) { try OpenFile(path, .read).synchronize() }

    static func linkTarget(of path: String) -> String? {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = buffer.withUnsafeMutableBytes { bytes in
            bytes.assumingMemoryBound(to: CChar.self).baseAddress.map { readlink(path, $0, bytes.count) } ?? -1
        }
        return count > 0 ? String(decoding: buffer.prefix(count), as: UTF8.self) : nil
    }
}

/// The next contents of a file: a locked file beside it.
private struct Draft: ~Copyable {
    let file: OpenFile

    /// Removes the draft of a killed process, which is not locked.
    init(_ path: String, _ mode: UInt32, _ owner: OpenFile.Owner) throws(FileError) {
        let name = path + ".draft"
        for _ in 0..<16 {
            do {
                let file = try OpenFile(name, .make(mode: mode, owner: owner))
                // Before the lock, another process may have removed it as a leftover.
                if try file.lock(.exclusive, waiting: false),
                    FileStatus.of(name)?.identity == (try file.status().identity)
                {
                    self.file = file
                    return
                }
                continue
            } catch {
                // The error names the file, not the draft.
                guard error.code == EEXIST else { throw FileError(path, .make, error.code) }
            }
            try Self.removeLeftover(name, path)
        }
        throw FileError(
            path: path, code: EBUSY, description: "\(path) cannot be written: another process is writing it")
    }

    private static func removeLeftover(_ name: String, _ path: String) throws(FileError) {
        guard FileStatus.of(name, followingLinks: false)?.kind == .file else {
            try File.remove(name)
            return
        }
        let leftover: OpenFile
        do { leftover = try OpenFile(name, .readRegular) } catch {
            guard error.isMissing else { throw error }
            return
        }
        guard try leftover.lock(.exclusive, waiting: false) else {
            throw FileError(
                path: path, code: EBUSY, description: "\(path) cannot be written: another process is writing it")
        }
        // Only the holder of the lock removes it, so that under the lock the path keeps its file.
        if FileStatus.of(name)?.identity == (try leftover.status().identity) {
            try File.remove(name)
        }
    }
}

extension URL {
    /// The path for the functions of this module, without a trailing slash, which would hide a file of the folder's name.
    public var filePath: String {
        var path = path(percentEncoded: false)
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        return path
    }
}
