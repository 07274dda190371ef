import Bytes
import Glibc

/// Complete reads and writes on a descriptor, over partial ones and EINTR.
enum DescriptorIO {
    static func read(_ descriptor: Int32, _ path: String, atMost limit: Int) throws(FileError) -> [UInt8] {
        var all: [UInt8] = []
        // One more than the limit, to detect an excess.
        var chunk = [UInt8](repeating: 0, count: min(max(limit, 0) + 1, 65_536))
        // It may hold a secret.
        defer { chunk.wipe() }
        while true {
            let count = chunk.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            guard count >= 0 else {
                let code = errno
                if code == EINTR { continue }
                if code == EAGAIN, isStandard(path), wait(descriptor, POLLIN) { continue }
                throw failure(path, .read, code)
            }
            if count == 0 { return all }
            guard all.count + count <= limit else {
                all.wipe()
                throw FileError(
                    path: path, code: EFBIG,
                    description: "\(path) cannot be read: it is larger than \(limit) bytes")
            }
            all += chunk.prefix(count)
        }
    }

    /// One read: at most `limit` bytes, empty at the end.
    static func readSome(_ descriptor: Int32, _ path: String, atMost limit: Int) throws(FileError) -> [UInt8] {
        var chunk = [UInt8](repeating: 0, count: limit)
        while true {
            let count = chunk.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 { return Array(chunk.prefix(count)) }
            let code = errno
            if code == EINTR { continue }
            if code == EAGAIN, wait(descriptor, POLLIN) { continue }
            throw failure(path, .read, code)
        }
    }

    static func write(_ bytes: [UInt8], _ descriptor: Int32, _ path: String) throws(FileError) {
        let result = bytes.withUnsafeBytes { buffer in
            Result { () throws(FileError) in try write(buffer, descriptor, path) }
        }
        try result.get()
    }

    static func write(_ bytes: UnsafeRawBufferPointer, _ descriptor: Int32, _ path: String) throws(FileError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            guard count > 0 else {
                let code = count < 0 ? errno : EIO
                if code == EINTR { continue }
                if code == EAGAIN, isStandard(path), wait(descriptor, POLLOUT) { continue }
                throw failure(path, .write, code)
            }
            rest = rest.dropFirst(count)
        }
    }

    private static func isStandard(_ path: String) -> Bool { StandardStream.names.contains(path) }

    /// Waits on a standard stream that another program has made non-blocking.
    private static func wait(_ descriptor: Int32, _ event: Int32) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(event), revents: 0)
        return poll(&entry, 1, -1) >= 0 || errno == EINTR
    }

    private static func failure(_ path: String, _ action: FileAction, _ code: Int32) -> FileError {
        guard isStandard(path) else { return FileError(path, action, code) }
        return FileError(path: path, code: code, description: "\(path): \(String(cString: strerror(code)))")
    }
}
