import COpenSSL

/// Owns a key of libcrypto (EVP_PKEY), which wipes its private numbers when freed. It is usable from several threads.
package final class KeyObject: @unchecked Sendable {
    package let pointer: OpaquePointer

    package init(owning pointer: OpaquePointer) { self.pointer = pointer }

    deinit { EVP_PKEY_free(pointer) }

    /// A key from its numbers.
    ///
    /// - Returns: nil when libcrypto refuses them.
    convenience init?(_ type: String, _ selection: KeySelection, _ parameters: borrowing Parameters) {
        guard let context = KeyContext(type: type) else { return nil }
        var key: OpaquePointer?
        let isMade = parameters.withList { list in
            EVP_PKEY_fromdata_init(context.pointer) == 1
                && EVP_PKEY_fromdata(
                    context.pointer, &key, selection.rawValue, UnsafeMutablePointer(mutating: list)) == 1
        }
        guard isMade, let key else {
            ERR_clear_error()
            return nil
        }
        self.init(owning: key)
    }

    /// A public key on the template's curve.
    ///
    /// - Parameter point: in the form of SEC 1.
    /// - Returns: nil when it is not on the curve.
    convenience init?(point: some Collection<UInt8>, like template: KeyObject) {
        guard let key = EVP_PKEY_dup(template.pointer) else {
            ERR_clear_error()
            return nil
        }
        self.init(owning: key)
        guard point.withBytes({ EVP_PKEY_set1_encoded_public_key(key, $0, $1) }) == 1 else {
            ERR_clear_error()
            return nil
        }
    }

    /// A new key pair on the template's curve.
    static func generate(like template: KeyObject) -> KeyObject? {
        guard let context = KeyContext(template) else { return nil }
        return generate(context) { _ in true }
    }

    /// A new key pair.
    ///
    /// - Parameter configure: sets the key's parameters, and returns false on failure.
    /// - Returns: nil when libcrypto cannot make one.
    package static func generate(_ type: String, _ configure: (OpaquePointer) -> Bool) -> KeyObject? {
        guard let context = KeyContext(type: type) else { return nil }
        return generate(context, configure)
    }

    private static func generate(
        _ context: borrowing KeyContext, _ configure: (OpaquePointer) -> Bool
    ) -> KeyObject? {
        var key: OpaquePointer?
        guard EVP_PKEY_keygen_init(context.pointer) == 1, configure(context.pointer),
            EVP_PKEY_generate(context.pointer, &key) == 1, let key
        else {
            ERR_clear_error()
            return nil
        }
        return KeyObject(owning: key)
    }

    /// Signs a digest.
    ///
    /// - Parameters:
    ///   - capacity: the longest signature.
    ///   - configure: sets the padding, and returns false on failure.
    /// - Returns: nil when libcrypto cannot sign.
    func signature(
        of digest: some Digest, capacity: Int, _ configure: (borrowing KeyContext) -> Bool = { _ in true }
    ) -> [UInt8]? {
        guard let context = KeyContext(self) else { return nil }
        let signature = [UInt8].filled(capacity: capacity) { output in
            digest.withBytes { start, count in
                var written = capacity
                guard EVP_PKEY_sign_init(context.pointer) == 1, configure(context),
                    EVP_PKEY_sign(context.pointer, output, &written, start, count) == 1
                else { return nil }
                return written
            }
        }
        if signature == nil { ERR_clear_error() }
        return signature
    }

    /// - Parameter configure: sets the padding, and returns false on failure.
    func isValidSignature(
        _ signature: some Collection<UInt8>, of digest: some Digest,
        _ configure: (borrowing KeyContext) -> Bool = { _ in true }
    ) -> Bool {
        guard let context = KeyContext(self) else { return false }
        let isValid = signature.withBytes { signature, size in
            digest.withBytes { digest, count in
                EVP_PKEY_verify_init(context.pointer) == 1 && configure(context)
                    && EVP_PKEY_verify(context.pointer, signature, size, digest, count) == 1
            }
        }
        if !isValid { ERR_clear_error() }
        return isValid
    }

    /// One of the key's numbers, big-endian.
    ///
    /// - Parameter size: the length in bytes; nil for the shortest.
    func number(_ name: String, size: Int? = nil) -> [UInt8]? {
        var number: OpaquePointer?
        guard EVP_PKEY_get_bn_param(pointer, name, &number) == 1, let number else {
            ERR_clear_error()
            return nil
        }
        defer { BN_clear_free(number) }
        let width = size ?? Int(BN_num_bits(number) + 7) / 8
        return [UInt8].filled(capacity: width) {
            BN_bn2binpad(number, $0, Int32(width)) == Int32(width) ? width : nil
        }
    }

    /// One of the key's octet strings.
    func bytes(_ name: String, capacity: Int) -> [UInt8]? {
        let bytes = [UInt8].filled(capacity: capacity) {
            var count = 0
            return EVP_PKEY_get_octet_string_param(pointer, name, $0, capacity, &count) == 1 ? count : nil
        }
        if bytes == nil { ERR_clear_error() }
        return bytes
    }
}

/// The provided parts of a key: EVP_PKEY_PUBLIC_KEY and EVP_PKEY_KEYPAIR are macros that Swift does not import.
struct KeySelection: Sendable {
    let rawValue: Int32

    static let parameters = KeySelection(
        rawValue: OSSL_KEYMGMT_SELECT_DOMAIN_PARAMETERS | OSSL_KEYMGMT_SELECT_OTHER_PARAMETERS)
    static let publicKey = KeySelection(rawValue: parameters.rawValue | OSSL_KEYMGMT_SELECT_PUBLIC_KEY)
    static let pair = KeySelection(rawValue: publicKey.rawValue | OSSL_KEYMGMT_SELECT_PRIVATE_KEY)
}

/// Owns the state of one operation with a key (EVP_PKEY_CTX).
struct KeyContext: ~Copyable {
    let pointer: OpaquePointer

    init?(_ key: KeyObject) {
        guard let pointer = EVP_PKEY_CTX_new_from_pkey(nil, key.pointer, nil) else {
            ERR_clear_error()
            return nil
        }
        self.pointer = pointer
    }

    /// For making a key.
    init?(type: String) {
        guard let pointer = EVP_PKEY_CTX_new_from_name(nil, type, nil) else {
            ERR_clear_error()
            return nil
        }
        self.pointer = pointer
    }

    deinit { EVP_PKEY_CTX_free(pointer) }
}
