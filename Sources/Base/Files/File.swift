import Bytes
public import FoundationEssentials
import Glibc

/// Whole files, by their names.
public enum File {
    /// Whether anything is under that name, a link to nowhere included.
    public static func exists(_ path: String) -> Bool { FileStatus.of(path, followingLinks: false) != nil }

    /// - Throws: ``FileError``; with `EFBIG` when it holds more than `limit` bytes.
    public static func read(_ path: String, atMost limit: Int) throws(FileError) -> [UInt8] {
        try OpenFile(path).read(atMost: limit)
    }

    /// A file's text. A byte order mark stays.
    ///
    /// - Throws: ``FileError``; with `EILSEQ` when it is not UTF-8.
    public static func readText(_ path: String, atMost limit: Int) throws(FileError) -> String {
        let bytes = try read(path, atMost: limit)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw FileError(path: path, code: EILSEQ, description: "\(path) cannot be read: it is not text in UTF-8")
        }
        return text
    }

    /// Makes a file that is not there yet. It is on the disk, under its name, before this returns.
    public static func make(_ path: String, _ contents: [UInt8] = [], mode: UInt32 = 0o600) throws(FileError) {
        do {
            let file = try OpenFile(path, .make(mode: mode))
            try file.write(contents)
            try file.synchronize()
            try Folder.synchronize(of: path)
        } catch {
            // What another process had made there is its own.
            if error.code != EEXIST { unlink(path) }
            throw error
        }
    }

    /// Makes a file that is not there yet, with what another holds. It is on the disk before this returns.
    public static func copy(_ path: String, to name: String, mode: UInt32 = 0o600) throws(FileError) {
        let source = try OpenFile(path, .readRegular)
        try make(name, mode: mode)
        let target = try OpenFile(name, .write)
        while true {
            var chunk = try source.read(next: 1 << 20)
            defer { chunk.wipe() }
            guard !chunk.isEmpty else { break }
            try target.write(chunk)
        }
        try target.synchronize()
    }

    /// Puts contents in the place of a file, or makes it. At every moment, also after a power cut, it is the old one or
    /// the new one, whole. A link is replaced, not followed.
    ///
    /// - Throws: ``FileError``; with `EBUSY` while another process does the same.
    public static func replace(_ path: String, with contents: [UInt8], mode: UInt32 = 0o600) throws(FileError) {
        try replace(path, mode: mode) { file throws(FileError) in try file.write(contents) }
    }

    /// The same with contents that `body` writes.
    public static func replace(
        _ path: String, mode: UInt32 = 0o600, _ body: (borrowing OpenFile) throws(FileError) -> Void
    ) throws(FileError) {
        if FileStatus.of(path)?.kind == .folder { throw FileError(path, .write, EISDIR) }
        let draft = try Draft(path, mode)
        do {
            try body(draft.file)
            try draft.file.synchronize()
            try move(draft.file.path, to: path)
        } catch {
            unlink(draft.file.path)
            throw error
        }
    }

    /// Gives a file another name, in the place of what has it. It is on the disk before this returns.
    public static func move(_ path: String, to name: String) throws(FileError) {
        guard rename(path, name) == 0 else {
            let code = errno
            throw exists(path) ? FileError(name, .make, code) : FileError(path, .rename, code)
        }
        try Folder.synchronize(of: name)
    }

    /// Gives a file a second name that is not there yet.
    public static func link(_ path: String, as name: String) throws(FileError) {
        guard Glibc.link(path, name) == 0 else {
            let code = errno
            throw exists(path) ? FileError(name, .make, code) : FileError(path, .look, code)
        }
    }

    /// - Returns: whether it was there.
    @discardableResult
    public static func remove(_ path: String) throws(FileError) -> Bool {
        if unlink(path) == 0 { return true }
        let code = errno
        if code == ENOENT { return false }
        throw FileError(path, .remove, code)
    }

    /// Returns when what is there is on the disk.
    public static func synchronize(_ path: String) throws(FileError) { try OpenFile(path, .read).synchronize() }

    static func linkTarget(of path: String) -> String? {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = buffer.withUnsafeMutableBytes { bytes in
            bytes.assumingMemoryBound(to: CChar.self).baseAddress.map { readlink(path, $0, bytes.count) } ?? -1
        }
        return count > 0 ? String(decoding: buffer.prefix(count), as: UTF8.self) : nil
    }
}

/// What is about to take a file's place: beside it, on the same disk.
private struct Draft: ~Copyable {
    let file: OpenFile

    /// Removes what a process left that was killed. Whoever is at work on a draft has it locked.
    init(_ path: String, _ mode: UInt32) throws(FileError) {
        let name = path + ".draft"
        for _ in 0..<16 {
            do {
                let file = try OpenFile(name, .make(mode: mode))
                // Another process may have found it before it was locked, and removed it.
                if try file.lock(.exclusive, waiting: false),
                    FileStatus.of(name)?.identity == (try file.status().identity)
                {
                    self.file = file
                    return
                }
                continue
            } catch {
                // The name that matters to the reader is the file's.
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
        // Whoever holds the lock may remove it, so under the lock the name stays what it is.
        if FileStatus.of(name)?.identity == (try leftover.status().identity) {
            try File.remove(name)
        }
    }
}

extension URL {
    /// The path for the functions of this module. A folder's has no slash at its end, with which a file of its name
    /// would not be seen.
    public var filePath: String {
        var path = path(percentEncoded: false)
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        return path
    }
}
