import Glibc

/// An open file, closed when its owner goes. Children do not inherit it.
public struct OpenFile: ~Copyable, Sendable {
    public enum Access: Hashable, Sendable {
        /// Not a folder.
        case read
        /// A regular file: neither a folder nor a pipe or device, which could hold the caller up.
        case readRegular
        /// What is there, to overwrite it.
        case write
        /// What is there, emptied first; made with this mode (less the umask) when nothing is.
        case overwrite(mode: UInt32)
        /// What is there, to read and write.
        case update
        /// To read and write; made with this mode (less the umask) when it is not there.
        case updateOrMake(mode: UInt32)
        /// To read and write; exactly this mode. Fails when anything is there, even a link to nowhere.
        case make(mode: UInt32)
        /// A folder, to lock or flush it.
        case folder
    }

    public let path: String
    private var number: Int32

    /// For a call that is not offered here. It stays this value's own.
    public var descriptor: Int32 { number }

    public init(_ path: String, _ access: Access = .read) throws(FileError) {
        self.path = path
        number = -1
        let (flags, mode, action) = Self.flags(access)
        number = try Self.open(path, flags, mode, action)
        switch access {
        case .read, .readRegular:
            let kind = try status().kind
            guard kind != .folder else { throw FileError(path, action, EISDIR) }
            guard access == .read || kind == .file else {
                throw FileError(
                    path: path, code: EINVAL, description: "\(path) cannot be read: it is not a regular file")
            }
        case .make(let mode):
            // The umask has taken from it.
            guard fchmod(number, mode) == 0 else { throw FileError(path, action, errno) }
        case .write, .overwrite, .update, .updateOrMake, .folder: break
        }
    }

    deinit { if number >= 0 { Glibc.close(number) } }

    private static func flags(_ access: Access) -> (flags: Int32, mode: UInt32, action: FileAction) {
        switch access {
        case .read: (O_RDONLY, 0, .open(reading: true, writing: false))
        // Without O_NONBLOCK a pipe would be waited for until somebody writes to it.
        case .readRegular: (O_RDONLY | O_NONBLOCK, 0, .open(reading: true, writing: false))
        case .write: (O_WRONLY, 0, .open(reading: false, writing: true))
        case .overwrite(let mode): (O_WRONLY | O_CREAT | O_TRUNC, mode, .open(reading: false, writing: true))
        case .update: (O_RDWR, 0, .open(reading: true, writing: true))
        case .updateOrMake(let mode): (O_RDWR | O_CREAT, mode, .open(reading: true, writing: true))
        case .make(let mode): (O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode, .make)
        case .folder: (O_RDONLY | O_DIRECTORY, 0, .list)
        }
    }

    private static func open(
        _ path: String, _ flags: Int32, _ mode: UInt32, _ action: FileAction
    ) throws(FileError) -> Int32 {
        // The C library would read the name up to the NUL only.
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

    /// Of the file that was opened, not of the one that may have taken its name.
    public func status() throws(FileError) -> FileStatus {
        var status = Glibc.stat()
        guard fstat(number, &status) == 0 else { throw FileError(path, .look, errno) }
        return FileStatus(status)
    }

    /// What is left from here to the end.
    ///
    /// - Throws: ``FileError`` with `EFBIG` when that is more than `limit` bytes.
    public func read(atMost limit: Int) throws(FileError) -> [UInt8] {
        try DescriptorIO.read(number, path, atMost: limit)
    }

    /// The next bytes from here, at most so many; none at the end.
    public func read(next most: Int) throws(FileError) -> [UInt8] {
        try DescriptorIO.readSome(number, path, atMost: most)
    }

    /// All of the bytes, at the end of what was read or written last.
    public func write(_ bytes: [UInt8]) throws(FileError) { try DescriptorIO.write(bytes, number, path) }

    /// All of the bytes, in one call of the system or not at all: configfs takes an attribute so.
    public func writeAtOnce(_ bytes: [UInt8]) throws(FileError) {
        let count = bytes.withUnsafeBytes { Glibc.write(number, $0.baseAddress, $0.count) }
        guard count == bytes.count else { throw FileError(path, .write, count < 0 ? errno : EIO) }
    }

    /// For secrets, which need not be copied for it.
    public func write(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
        try DescriptorIO.write(bytes, number, path)
    }

    /// Cuts the file there, and goes on from there.
    public func truncate(to size: Int) throws(FileError) {
        guard ftruncate(number, size) == 0, lseek(number, size, SEEK_SET) == size else {
            throw FileError(path, .write, errno)
        }
    }

    /// Returns when the contents are on the disk.
    public func synchronize() throws(FileError) {
        // EINVAL: what has no disk under it.
        guard fsync(number) == 0 || errno == EINVAL else { throw FileError(path, .flush, errno) }
    }

    public enum Lock: Sendable { case shared, exclusive }

    /// Locks the file against other holders until it is closed.
    ///
    /// - Parameter waiting: until the others are done.
    /// - Returns: whether it is locked; only when not waiting it may be otherwise.
    public func lock(_ lock: Lock, waiting: Bool) throws(FileError) -> Bool {
        let operation = (lock == .exclusive ? LOCK_EX : LOCK_SH) | (waiting ? 0 : LOCK_NB)
        while flock(number, operation) != 0 {
            let code = errno
            if code == EWOULDBLOCK { return false }
            guard code == EINTR else { throw FileError(path, .lock, code) }
        }
        return true
    }

    /// Closes it, and says when that failed: some file systems write only then.
    public consuming func close() throws(FileError) {
        let (open, path) = (number, self.path)
        number = -1
        guard Glibc.close(open) == 0 else { throw FileError(path, .write, errno) }
    }
}
