import Foundation

/// The few file operations that devices and secrets need, one system call each: Foundation's would
/// buffer, truncate or create what must not be.
enum SystemFile {
    struct Failure: Error, CustomStringConvertible {
        let code: Int32
        var description: String { String(cString: strerror(code)) }
    }

    static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    static func makeDirectory(_ path: String) throws(Failure) {
        guard mkdir(path, 0o700) == 0 else { throw Failure(code: errno) }
    }

    /// There is nobody to tell when it fails.
    static func removeDirectory(_ path: String) { _ = rmdir(path) }

    /// Opens what is there, and writes in one call: configfs takes an attribute as one write.
    static func write(_ bytes: [UInt8], to path: String) throws(Failure) {
        let file = try open(path, O_WRONLY)
        let written = bytes.withUnsafeBytes { Foundation.write(file, $0.baseAddress, $0.count) }
        let code = errno
        guard written == bytes.count else {
            _ = close(file)
            throw Failure(code: written < 0 ? code : EIO)
        }
        // configfs acts on a binary attribute when it is closed.
        guard close(file) == 0 else { throw Failure(code: errno) }
    }

    /// - Throws: ``Failure``; EFBIG when there are more than `most` bytes.
    static func read(_ path: String, most: Int) throws(Failure) -> [UInt8] {
        let file = try open(path, O_RDONLY)
        defer { _ = close(file) }
        var all: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = chunk.withUnsafeMutableBytes { Foundation.read(file, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw Failure(code: errno) }
            if count == 0 { return all }
            all += chunk.prefix(count)
            guard all.count <= most else { throw Failure(code: EFBIG) }
        }
    }

    /// All the bytes, to an open file.
    static func write(all bytes: UnsafeRawBufferPointer, to file: Int32) throws(Failure) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = Foundation.write(file, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw Failure(code: count < 0 ? errno : EIO) }
            rest = rest.dropFirst(count)
        }
    }

    static func open(_ path: String, _ flags: Int32, _ mode: mode_t = 0) throws(Failure) -> Int32 {
        while true {
            let file = Foundation.open(path, flags | O_CLOEXEC, mode)
            if file >= 0 { return file }
            let code = errno
            guard code == EINTR else { throw Failure(code: code) }
        }
    }
}
