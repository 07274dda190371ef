import Glibc

/// An open file, closed with its owner and on exec.
public struct OpenFile: ~Copyable, Sendable {
    public enum Access: Hashable, Sendable {
        /// Anything but a folder.
        case read
        /// A regular file, excluding pipes and devices, which could block the caller.
        case readRegular
        /// An existing file, to overwrite it in place.
        case write
        /// Truncated, or made with this mode (less the umask).
        case overwrite(mode: UInt32)
        /// An existing file, to read and write.
        case update
        /// To read and write; made with this mode (less the umask) for ``Owner/folders`` if missing.
        case updateOrMake(mode: UInt32)
        /// A new file with exactly this mode, to read and write. Fails when the path exists, also as a dangling link.
        case make(mode: UInt32, owner: Owner = .process)
        /// A folder, to lock or flush it.
        case folder
    }

    /// The owner of a new file.
    public enum Owner: Hashable, Sendable {
        case process
        /// For a process of root, its folder's owner: a server that runs as a user of its own can then use a file that
        /// an operator's command makes beside its others.
        case folders
    }

    public let path: String
    private var number: Int32

    /// For other system calls. It remains owned by this value.
    public var descriptor: Int32 { number }

    public init(_ path: String, _ access: Access = .read) throws(FileError) {
        self.path = path
        number = -1
        let (flags, mode, action) = Self.flags(access)
        // Only a file that is certainly new is given away: an existing one may be a link that the folder's owner has set.
        if case .updateOrMake = access, let new = try? Self.open(path, flags | O_EXCL | O_NOFOLLOW, mode, action) {
            number = new
            giveToFoldersOwner()
            return
        }
        number = try Self.open(path, flags, mode, action)
        switch access {
        case .read, .readRegular:
            let kind = try status().kind
            guard kind != .folder else { throw FileError(path, action, EISDIR) }
            guard access == .read || kind == .file else {
                throw FileError(
                    path: path, code: EINVAL, description: "\(path) cannot be read: it is not a regular file")
            }
        case .make(let mode, let owner):
            if owner == .folders { giveToFoldersOwner() }
            // Restores the bits removed by the umask.
            guard fchmod(number, mode) == 0 else { throw FileError(path, action, errno) }
        case .write, .overwrite, .update, .updateOrMake, .folder: break
        }
    }

    deinit { if number >= 0 { Glibc.close(number) } }

    private static func flags(_ access: Access) -> (flags: Int32, mode: UInt32, action: FileAction) {
        switch access {
        case .read: (O_RDONLY, 0, .open(reading: true, writing: false))
        // Without O_NONBLOCK, opening a pipe would block until it has a writer.
        case .readRegular: (O_RDONLY | O_NONBLOCK, 0, .open(reading: true, writing: false))
        case .write: (O_WRONLY, 0, .open(reading: false, writing: true))
        case .overwrite(let mode): (O_WRONLY | O_CREAT | O_TRUNC, mode, .open(reading: false, writing: true))
        case .update: (O_RDWR, 0, .open(reading: true, writing: true))
        case .updateOrMake(let mode): (O_RDWR | O_CREAT, mode, .open(reading: true, writing: true))
        case .make(let mode, _): (O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode, .make)
        case .folder: (O_RDONLY | O_DIRECTORY, 0, .list)
        }
    }

    private func giveToFoldersOwner() {
        guard geteuid() == 0, let folder = Folder.parent(of: path).flatMap({ FileStatus.of($0) }), folder.owner.id != 0
        else { return }
        // Root without the capability keeps the file: it can make it usable for nobody else.
        _ = fchown(number, folder.owner.id, folder.group.id)
    }

    /// Gives this file, which is to replace another, that one's owner and group, and the permissions of a file that is
    /// closed to others.
    ///
    /// - Throws: ``FileError`` when this process may not give a file to that owner or group.
    func takeOver(_ old: FileStatus, of path: String) throws(FileError) {
        let new = try status()
        let permissions = old.permissions & 0o007 == 0 ? old.permissions & 0o777 : new.permissions
        if (new.owner, new.group) != (old.owner, old.group), fchown(number, old.owner.id, old.group.id) != 0 {
            let code = errno
            // The group of a file without permissions for it makes no difference.
            guard new.owner == old.owner, permissions & 0o070 == 0 else {
                throw FileError(
                    path: path, code: code,
                    description: "\(path) cannot be replaced: it belongs to \(old.owner) and \(old.group), and "
                        + "\(Account.ofProcess) may not give the new file to them: run this as its owner "
                        + "(sudo -u \(old.owner.shellName) …)")
            }
        }
        guard fchmod(number, permissions) == 0 else { throw FileError(path, .make, errno) }
    }

    private static func open(
        _ path: String, _ flags: Int32, _ mode: UInt32, _ action: FileAction
    ) throws(FileError) -> Int32 {
        // The system would read the path up to the NUL only.
        guard !path.utf8.contains(0) else {
            throw FileError(path: path, code: EINVAL, description: "a file's name cannot hold a NUL")
        }
        while true {
            let number = Glibc.open(path, flags | O_CLOEXEC, mode)
            if number >= 0 { return number }
            let code = errno
            guard code == EINTR else { throw FileError(path, action, code) }
        }
    }

    /// The status of the open file, which may differ from the path's.
    public func status() throws(FileError) -> FileStatus {
        var status = Glibc.stat()
        guard fstat(number, &status) == 0 else { throw FileError(path, .look, errno) }
        return FileStatus(status)
    }

    /// Reads from the current position to the end.
    ///
    /// - Throws: ``FileError`` with `EFBIG` when that is more than `limit` bytes.
    public func read(atMost limit: Int) throws(FileError) -> [UInt8] {
        try DescriptorIO.read(number, path, atMost: limit)
    }

    /// Reads the next bytes; empty at the end.
    public func read(next most: Int) throws(FileError) -> [UInt8] {
        try DescriptorIO.readSome(number, path, atMost: most)
    }

    /// Continues at this distance from the start, in bytes.
    public func seek(to offset: Int) throws(FileError) {
        guard lseek(number, offset, SEEK_SET) == offset else { throw FileError(path, .read, errno) }
    }

    /// Writes at the current position.
    public func write(_ bytes: [UInt8]) throws(FileError) { try DescriptorIO.write(bytes, number, path) }

    /// Writes in one system call, as configfs requires for an attribute.
    public func writeAtOnce(_ bytes: [UInt8]) throws(FileError) {
        let count = bytes.withUnsafeBytes { Glibc.write(number, $0.baseAddress, $0.count) }
        guard count == bytes.count else { throw FileError(path, .write, count < 0 ? errno : EIO) }
    }

    /// Writes a secret without copying it.
    public func write(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
        try DescriptorIO.write(bytes, number, path)
    }

    /// Truncates the file, and continues at its new end.
    public func truncate(to size: Int) throws(FileError) {
        guard ftruncate(number, size) == 0, lseek(number, size, SEEK_SET) == size else {
            throw FileError(path, .write, errno)
        }
    }

    /// Flushes the contents to the disk.
    public func synchronize() throws(FileError) {
        // EINVAL: the file is not on a disk.
        guard fsync(number) == 0 || errno == EINVAL else { throw FileError(path, .flush, errno) }
    }

    public enum Lock: Sendable { case shared, exclusive }

    /// Locks the file against other holders until it is closed.
    ///
    /// - Parameter waiting: whether to wait for other holders.
    /// - Returns: whether it is locked; always true when waiting.
    public func lock(_ lock: Lock, waiting: Bool) throws(FileError) -> Bool {
        let operation = (lock == .exclusive ? LOCK_EX : LOCK_SH) | (waiting ? 0 : LOCK_NB)
        while flock(number, operation) != 0 {
            let code = errno
            if code == EWOULDBLOCK { return false }
            guard code == EINTR else { throw FileError(path, .lock, code) }
        }
        return true
    }

    /// Releases the lock, also where a duplicate of the descriptor stays open.
    public func unlock() { _ = flock(number, LOCK_UN) }

    /// Closes the file and reports a failure: some file systems write only then.
    public consuming func close() throws(FileError) {
        let (open, path) = (number, self.path)
        number = -1
        guard Glibc.close(open) == 0 else { throw FileError(path, .write, errno) }
    }
}
