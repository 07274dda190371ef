public import Foundation

/// Files that are there whole or not at all, also after a power cut.
public enum DurableFile {
    /// Puts contents in the place of a file, readable by its owner only. One process at a time may do this.
    public static func replace(_ file: URL, with contents: Data) throws {
        let draft = file.appendingPathExtension("draft")
        // One may be left of a process that was killed.
        unlink(draft.path(percentEncoded: false))
        defer { unlink(draft.path(percentEncoded: false)) }
        try make(draft, contents)
        try move(draft, to: file)
    }

    /// Makes a file that is not there yet, readable by its owner only.
    public static func make(_ file: URL, _ contents: Data = Data()) throws {
        let descriptor = open(file.path(percentEncoded: false), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("make", file) }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        try handle.write(contentsOf: contents)
        try handle.synchronize()
    }

    /// Gives a file another name, in the place of what has it, on the disk before this returns.
    public static func move(_ file: URL, to name: URL) throws {
        guard rename(file.path(percentEncoded: false), name.path(percentEncoded: false)) == 0 else {
            throw failure("rename", file)
        }
        try synchronizeFolder(of: name)
    }

    /// A new name is on the disk when its folder is.
    public static func synchronizeFolder(of file: URL) throws { try synchronize(file.deletingLastPathComponent()) }

    public static func synchronize(_ file: URL) throws {
        let descriptor = open(file.path(percentEncoded: false), O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", file) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("flush", file) }
    }

    static func failure(_ verb: String, _ file: URL) -> MasterKeyError {
        MasterKeyError("cannot \(verb) \(file.path(percentEncoded: false)): \(String(cString: strerror(errno)))")
    }
}
