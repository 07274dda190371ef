import Glibc

/// Folders, by their names.
public enum Folder {
    /// Whether there is one, perhaps through a link.
    public static func exists(_ path: String) -> Bool { FileStatus.of(path)?.kind == .folder }

    /// Makes a folder, and those above it that are missing. One that is there stays as it is.
    ///
    /// - Parameter mode: of those that are made.
    /// - Returns: whether it was made.
    @discardableResult
    public static func make(_ path: String, mode: UInt32 = 0o700) throws(FileError) -> Bool {
        if exists(path) { return false }
        if let parent = parent(of: path), !exists(parent) { try make(parent, mode: mode) }
        guard mkdir(path, mode) == 0 else {
            let code = errno
            // Another process was as quick.
            if code == EEXIST, exists(path) { return false }
            throw FileError(path, .make, code == EEXIST ? ENOTDIR : code)
        }
        return true
    }

    /// Makes one folder that is not there yet.
    public static func makeOne(_ path: String, mode: UInt32 = 0o700) throws(FileError) {
        guard mkdir(path, mode) == 0 else { throw FileError(path, .make, errno) }
    }

    /// Removes a folder with nothing in it.
    public static func remove(_ path: String) throws(FileError) {
        guard rmdir(path) == 0 else { throw FileError(path, .remove, errno) }
    }

    /// What is in a folder, sorted by name, without `.` and `..`. Names that are not UTF-8 are left out.
    public static func names(in path: String) throws(FileError) -> [String] {
        guard let stream = opendir(path) else { throw FileError(path, .list, errno) }
        defer { closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else { break }
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(validating: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let name, name != ".", name != ".." { names.append(name) }
        }
        guard errno == 0 else { throw FileError(path, .list, errno) }
        return names.sorted()
    }

    /// The regular files in a folder and in the folders in it, by their paths from there, sorted. Links to files count;
    /// links to folders are not followed. A folder that cannot be listed counts as empty.
    ///
    /// - Parameter skipping: names of folders directly in it that are left out.
    public static func files(below path: String, skipping: Set<String> = [], depth: Int = 16) -> [String] {
        guard depth > 0, let names = try? names(in: path) else { return [] }
        return names.flatMap { name -> [String] in
            let whole = "\(path)/\(name)"
            if FileStatus.of(whole, followingLinks: false)?.kind == .folder {
                if skipping.contains(name) { return [] }
                return files(below: whole, depth: depth - 1).map { "\(name)/\($0)" }
            }
            return FileStatus.of(whole)?.kind == .file ? [name] : []
        }.sorted()
    }

    /// Bytes that this user can still write to the disk that the path is on, and how many it has in all; nil when it is not
    /// there.
    public static func space(at path: String) -> (free: UInt64, total: UInt64)? {
        var volume = statvfs()
        guard statvfs(path, &volume) == 0 else { return nil }
        func bytes(_ blocks: some BinaryInteger) -> UInt64 {
            let (bytes, overflow) = UInt64(blocks).multipliedReportingOverflow(by: UInt64(volume.f_frsize))
            return overflow ? .max : bytes
        }
        return (bytes(volume.f_bavail), bytes(volume.f_blocks))
    }

    /// A file's new name is on the disk when its folder is.
    public static func synchronize(of path: String) throws(FileError) {
        try OpenFile(parent(of: path) ?? ".", .folder).synchronize()
    }

    /// The folder that a path is in; nil for the root, `.` for a name alone.
    public static func parent(of path: String) -> String? {
        var rest = path[...]
        while rest.count > 1, rest.last == "/" { rest.removeLast() }
        guard rest != "/" else { return nil }
        guard let slash = rest.lastIndex(of: "/") else { return "." }
        return slash == rest.startIndex ? "/" : String(rest[..<slash])
    }
}
