import Bytes
import COpenSSL

extension Collection<UInt8> {
    /// Calls `body` with contiguous bytes. The pointer is never NULL, also without bytes: to many functions of libcrypto
    /// NULL means "unchanged" instead of "empty".
    @inline(__always)
    func withBytes<Result>(_ body: (UnsafePointer<UInt8>, Int) -> Result) -> Result {
        let result: Result? = withContiguousStorageIfAvailable { bytes in
            guard let start = bytes.baseAddress else { return body(noBytes, 0) }
            return body(start, bytes.count)
        }
        if let result { return result }
        var copy = Array(self)
        defer { copy.wipe() }
        return copy.withUnsafeBufferPointer { body($0.baseAddress ?? noBytes, $0.count) }
    }
}

/// An address for empty input.
private nonisolated(unsafe) let noBytes: UnsafePointer<UInt8> = {
    let byte = UnsafeMutablePointer<UInt8>.allocate(capacity: 1)
    byte.initialize(to: 0)
    return UnsafePointer(byte)
}()

extension [UInt8] {
    /// Bytes written by `body`.
    ///
    /// - Parameter body: gets memory of `capacity` bytes, and returns the number of bytes written, or nil when it failed.
    static func filled(capacity: Int, _ body: (UnsafeMutablePointer<UInt8>) -> Int?) -> [UInt8]? {
        var isDone = false
        let bytes = [UInt8](unsafeUninitializedCapacity: Swift.max(capacity, 1)) { buffer, count in
            guard let start = buffer.baseAddress, let filled = body(start), (0...capacity).contains(filled) else {
                count = 0
                return
            }
            (count, isDone) = (filled, true)
        }
        return isDone ? bytes : nil
    }
}

/// Clears this thread's error queue after a failed call.
func cleared(_ error: CryptoError) -> CryptoError {
    ERR_clear_error()
    return error
}
