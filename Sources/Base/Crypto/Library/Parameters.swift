import COpenSSL
import Glibc

/// A list of named values for libcrypto (OSSL_PARAM). What was copied into it is wiped when it goes.
struct Parameters: ~Copyable {
    private var entries: [OSSL_PARAM] = []
    private var values: [UnsafeMutableRawBufferPointer] = []

    deinit {
        for value in values {
            if let start = value.baseAddress { explicit_bzero(start, value.count) }
            value.deallocate()
        }
    }

    /// - Parameter bytes: a whole number, most significant byte first.
    mutating func add(_ name: StaticString, number bytes: some Collection<UInt8>) {
        var value = copy(bytes)
        // libcrypto wants numbers as the machine has them.
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

    /// The list, with its end, for as long as `body` runs.
    func withList<Result>(_ body: (UnsafePointer<OSSL_PARAM>) -> Result) -> Result {
        let list = entries + [OSSL_PARAM_construct_end()]
        return list.withUnsafeBufferPointer { body($0.baseAddress.required("a list of parameters")) }
    }

    private mutating func copy(_ bytes: some Collection<UInt8>) -> UnsafeMutableRawBufferPointer {
        // One byte more than needed: the address of no bytes must not be NULL.
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
