import Glibc

/// Operations on folders, by path.
public enum Folder {
    /// Whether it is a folder, or a link to one.
    public static func exists(_ path: String) -> Bool { FileStatus.of(path)?.kind == .folder }

    /// Makes a folder with its missing parents. An existing one is unchanged.
    ///
    /// - Parameter mode: of the new folders.
    /// - Returns: whether it was made.
    @discardableResult
    public static func make(_ path: String, mode: UInt32 = 0o700) throws(FileError) -> Bool {
        if exists(path) { return false }
        if let parent = parent(of: path), !exists(parent) { try make(parent, mode: mode) }
        guard mkdir(path, mode) == 0 else {
            let code = errno
            // Another process has made it meanwhile.
            if code == EEXIST, exists(path) { return false }
            throw FileError(path, .make, code == EEXIST ? ENOTDIR : code)
        }
        return true
    }

    /// Makes one new folder.
    public static func makeOne(_ path: String, mode: UInt32 = 0o700) throws(FileError) {
        guard mkdir(path, mode) == 0 else { throw FileError(path, .make, errno) }
    }

    /// Removes an empty folder.
    public static func remove(_ path: String) throws(FileError) {
        guard rmdir(path) == 0 else { throw FileError(path, .remove, errno) }
    }

    /// The names in a folder, sorted, without `.`, `..` and names that are not UTF-8.
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

    /// The relative paths of the regular files in a folder and its subfolders, sorted. Links to files count; links to
    /// folders are not followed. A folder that cannot be listed counts as empty.
    ///
    /// - Parameter skipping: names of direct subfolders to leave out.
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

    /// The path's disk: bytes available to this user, and its size; nil when the path does not exist.
    public static func space(at path: String) -> (free: UInt64, total: UInt64)? {
        var volume = statvfs()
        guard statvfs(path, &volume) == 0 else { return nil }
        func bytes(_ blocks: some BinaryInteger) -> UInt64 {
            let (bytes, overflow) = UInt64(blocks).multipliedReportingOverflow(by: UInt64(volume.f_frsize))
            return overflow ? .max : bytes
        }
        return (bytes(volume.f_bavail), bytes(volume.f_blocks))
    }

    /// Flushes the path's folder to the disk, which makes a new name durable.
    public static func synchronize(of path: String) throws(FileError) {
        try OpenFile(parent(of: path) ?? ".", .folder).synchronize()
    }

    /// The path's folder; nil for the root, `.` for a name alone.
    public static func parent(of path: String) -> String? {
        var rest = path[...]
        while rest.count > 1, rest.last == "/" { rest.removeLast() }
        guard rest != "/" else { return nil }
        guard let slash = rest.lastIndex(of: "/") else { return "." }
        return slash == rest.startIndex ? "/" : String(rest[..<slash])
    }
}
