import COpenSSL
import Glibc

/// A list of named values for libcrypto (OSSL_PARAM). Its copies are wiped with it.
struct Parameters: ~Copyable {
    private var entries: [OSSL_PARAM] = []
    private var values: [UnsafeMutableRawBufferPointer] = []

    deinit {
        for value in values {
            if let start = value.baseAddress { explicit_bzero(start, value.count) }
            value.deallocate()
        }
    }

    /// - Parameter bytes: a whole number, big-endian.
    mutating func add(_ name: StaticString, number bytes: some Collection<UInt8>) {
        var value = copy(bytes)
        // libcrypto expects the machine's byte order.
        if UInt16(littleEndian: 1) == 1 { value.reverse() }
        add(name, OSSL_PARAM_UNSIGNED_INTEGER, value, count: value.count)
    }

    mutating func add(_ name: StaticString, bytes: some Collection<UInt8>) {
        let value = copy(bytes)
        add(name, OSSL_PARAM_OCTET_STRING, value, count: value.count)
    }

    mutating func add(_ name: StaticString, text: String) {
        let value = copy(Array(text.utf8) + [0])
        add(name, OSSL_PARAM_UTF8_STRING, value, count: value.count - 1)
    }

    mutating func add(_ name: StaticString, size: Int) {
        let value = copy(withUnsafeBytes(of: size) { Array($0) })
        add(name, OSSL_PARAM_UNSIGNED_INTEGER, value, count: value.count)
    }

    /// Calls `body` with the terminated list.
    func withList<Result>(_ body: (UnsafePointer<OSSL_PARAM>) -> Result) -> Result {
        let list = entries + [OSSL_PARAM_construct_end()]
        return list.withUnsafeBufferPointer { body($0.baseAddress.required("a list of parameters")) }
    }

    private mutating func copy(_ bytes: some Collection<UInt8>) -> UnsafeMutableRawBufferPointer {
        // With a spare byte, so that the address of an empty value is not NULL.
        let value = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count + 1, alignment: 16)
        value.initializeMemory(as: UInt8.self, repeating: 0)
        value.copyBytes(from: bytes)
        values.append(value)
        return UnsafeMutableRawBufferPointer(rebasing: value[..<bytes.count])
    }

    private mutating func add(
        _ name: StaticString, _ type: Int32, _ value: UnsafeMutableRawBufferPointer, count: Int
    ) {
        let key = UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
        entries.append(
            OSSL_PARAM(
                key: key, data_type: UInt32(type), data: value.baseAddress, data_size: count, return_size: -1))
    }
}
