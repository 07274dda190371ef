import Bytes
import CPKCS11
public import Crypto

/// A session with a PKCS #11 token, logged in.
public struct PKCS11Token {
    private let module: PKCS11Module
    private let session: CK_SESSION_HANDLE
    private let uri: PKCS11URI

    // MARK: Uses

    /// The master key of a token's key, derived by the token, so that the token's key stays in it.
    ///
    /// - Returns: 32 bytes. See ``KeyDerivation``.
    /// - Throws: ``MasterKeyError`` that says what to do, without the PIN.
    public static func deriveMasterKey(_ uri: PKCS11URI) throws -> SymmetricKey {
        try with(uri, writing: false) { token in
            let key = try token.findKey(CKO_SECRET_KEY, "secret key", "make one with `kbs keys create --pkcs11 URI`")
            var code = try token.sign(
                KeyDerivation.input(label: KeyDerivation.masterKeyLabel), with: key, by: CKM_SHA256_HMAC,
                "CKM_SHA256_HMAC", length: 32)
            defer { code.wipe() }
            return SymmetricKey(data: code)
        }
    }

    /// The public half of a pair on P-384 whose private half is in a token.
    ///
    /// - Throws: ``MasterKeyError`` that says what to do.
    public static func publicKey(_ uri: PKCS11URI) throws -> P384.Signing.PublicKey {
        try with(uri, writing: false) { token in
            let key = try token.findKey(
                CKO_PUBLIC_KEY, "public key", "make a pair on P-384 with the vendor's tool, and keep both halves")
            let value = try token.attribute(CKA_EC_POINT, of: key)
            // An OCTET STRING in DER of 04 ‖ x ‖ y; some tokens leave out the DER.
            let point = value.count == 99 && value.starts(with: [4, 97]) ? Array(value.dropFirst(2)) : value
            do { return try P384.Signing.PublicKey(x963Representation: point) } catch {
                throw MasterKeyError("the token's key \(uri.keyName) is not on the curve P-384")
            }
        }
    }

    /// Signs a digest with a private key on P-384, which stays in the token.
    ///
    /// - Throws: ``MasterKeyError`` that says what to do.
    public static func signature(_ uri: PKCS11URI, for digest: SHA384Digest) throws -> ECDSASignature<P384> {
        try with(uri, writing: false) { token in
            let key = try token.findKey(
                CKO_PRIVATE_KEY, "private key", "make a pair on P-384 with the vendor's tool")
            return try ECDSASignature(
                rawRepresentation: try token.sign(Array(digest), with: key, by: CKM_ECDSA, "CKM_ECDSA", length: 96))
        }
    }

    /// Creates a key that cannot leave the token, with the URI's label and id.
    public static func createKey(_ uri: PKCS11URI) throws {
        try with(uri, writing: true) { token in
            guard try token.findKeys(CKO_SECRET_KEY).isEmpty else {
                throw MasterKeyError("the token has a secret key \(uri.keyName) already: choose another object=")
            }
            try token.generateKey()
        }
    }

    // MARK: Sessions

    private static func with<T: Sendable>(
        _ uri: PKCS11URI, writing: Bool, _ body: (PKCS11Token) throws -> T
    ) throws -> T {
        var pin = try uri.readPIN()
        defer { pin?.wipe() }
        return try PKCS11Module.with(uri.modulePath) { module in
            let slot = try findSlot(uri, module)
            var session = CK_SESSION_HANDLE()
            let flags = CK_FLAGS(CKF_SERIAL_SESSION) | (writing ? CK_FLAGS(CKF_RW_SESSION) : 0)
            try module.perform(module.functions.C_OpenSession, "C_OpenSession") {
                $0(slot, flags, nil, nil, &session)
            }
            let token = PKCS11Token(module: module, session: session, uri: uri)
            // Closing the last session logs out.
            defer { _ = module.functions.C_CloseSession?(session) }
            try token.logIn(pin)
            return try body(token)
        }
    }

    private static func findSlot(_ uri: PKCS11URI, _ module: PKCS11Module) throws -> CK_SLOT_ID {
        var (slots, count) = ([CK_SLOT_ID](), CK_ULONG())
        try module.perform(module.functions.C_GetSlotList, "C_GetSlotList") { $0(CK_BBOOL(CK_TRUE), nil, &count) }
        guard count <= 4_096 else { throw MasterKeyError("the PKCS #11 module says that it has \(count) tokens") }
        slots = Array(repeating: 0, count: Int(count))
        try module.perform(module.functions.C_GetSlotList, "C_GetSlotList") { function in
            slots.withUnsafeMutableBufferPointer { function(CK_BBOOL(CK_TRUE), $0.baseAddress, &count) }
        }
        var labels: [String] = []
        var found: [CK_SLOT_ID] = []
        for slot in slots.prefix(Int(clamping: count)) {
            var info = CK_TOKEN_INFO()
            // A token that was removed meanwhile does not count.
            guard try module.call(module.functions.C_GetTokenInfo, "C_GetTokenInfo", { $0(slot, &info) }) == CKR_OK,
                info.flags & CK_FLAGS(CKF_TOKEN_INITIALIZED) != 0
            else { continue }
            let label = text(info.label)
            labels.append("\"\(label)\"")
            if matches(uri.token, label), matches(uri.serial, text(info.serialNumber)),
                matches(uri.manufacturer, text(info.manufacturerID)), matches(uri.model, text(info.model))
            {
                found.append(slot)
            }
        }
        guard let slot = found.first else {
            throw MasterKeyError(
                "the token \(uri.tokenName) was not found: "
                    + (labels.isEmpty
                        ? "the module shows no token; is its configuration readable to this user?"
                        : "the module shows \(labels.joined(separator: ", "))"))
        }
        guard found.count == 1 else {
            throw MasterKeyError("there are several tokens \(uri.tokenName): name one with serial=")
        }
        return slot
    }

    private static func matches(_ wanted: String?, _ found: String) -> Bool { wanted == nil || wanted == found }

    /// Text in a field of fixed length, padded with blanks.
    private static func text<T>(_ field: T) -> String {
        let bytes = withUnsafeBytes(of: field) { Array($0) }
        let padding: Set<UInt8> = [0x20, 0]
        let end = bytes.lastIndex { !padding.contains($0) }.map { $0 + 1 } ?? 0
        return String(decoding: bytes[..<end], as: UTF8.self)
    }

    private func logIn(_ pin: [UInt8]?) throws {
        guard let pin else { return }
        let result = try module.call(module.functions.C_Login, "C_Login") { function in
            // The standard declares it as mutable, and a module does not change it.
            pin.withUnsafeBufferPointer {
                function(
                    session, CK_USER_TYPE(CKU_USER), UnsafeMutablePointer(mutating: $0.baseAddress), CK_ULONG($0.count))
            }
        }
        switch result {
        case CK_RV(CKR_OK), CK_RV(CKR_USER_ALREADY_LOGGED_IN): return
        case CK_RV(CKR_PIN_INCORRECT), CK_RV(CKR_PIN_INVALID), CK_RV(CKR_PIN_LEN_RANGE):
            throw MasterKeyError(
                "the PIN of the token \(uri.tokenName) is wrong: correct it before you try again, for tokens lock "
                    + "themselves after a few wrong ones")
        case CK_RV(CKR_PIN_LOCKED):
            throw MasterKeyError("the PIN of the token \(uri.tokenName) is locked: its security officer must reset it")
        case CK_RV(CKR_PIN_EXPIRED):
            throw MasterKeyError("the PIN of the token \(uri.tokenName) has expired: set another")
        case CK_RV(CKR_USER_PIN_NOT_INITIALIZED):
            throw MasterKeyError("the token \(uri.tokenName) has no user PIN yet: its security officer must set one")
        default: try PKCS11Module.Failure.check(result, "C_Login")
        }
    }
}

extension PKCS11URI {
    var tokenName: String { "\"\(token ?? serial ?? "")\"" }
    var keyName: String { object.map { "\"\($0)\"" } ?? "with the id \(Hex.encode(id ?? []))" }
}

// MARK: Keys

extension PKCS11Token {
    /// The one key that the URI names.
    ///
    /// - Parameters:
    ///   - name: the class's name, for errors.
    ///   - advice: what to do when there is no such key.
    private func findKey(_ kind: some BinaryInteger, _ name: String, _ advice: String) throws -> CK_OBJECT_HANDLE {
        let keys = try findKeys(kind)
        guard let key = keys.first else { throw MasterKeyError("the token has no \(name) \(uri.keyName): \(advice)") }
        guard keys.count == 1 else {
            throw MasterKeyError("the token has several \(name)s \(uri.keyName): name one with id=")
        }
        return key
    }

    /// The handles of the keys of a class that the URI names, at most two.
    private func findKeys(_ kind: some BinaryInteger) throws -> [CK_OBJECT_HANDLE] {
        var template = Template()
        template.add(CKA_CLASS, number: CK_ULONG(kind))
        addName(to: &template)
        try template.withAttributes { attributes, count in
            try module.perform(module.functions.C_FindObjectsInit, "C_FindObjectsInit") {
                $0(session, attributes, count)
            }
        }
        defer { _ = module.functions.C_FindObjectsFinal?(session) }
        var (handles, count) = ([CK_OBJECT_HANDLE](repeating: 0, count: 2), CK_ULONG())
        try module.perform(module.functions.C_FindObjects, "C_FindObjects") { function in
            handles.withUnsafeMutableBufferPointer {
                function(session, $0.baseAddress, CK_ULONG($0.count), &count)
            }
        }
        guard count <= 2 else {
            throw MasterKeyError("the PKCS #11 module returned more objects than there is room for")
        }
        return Array(handles.prefix(Int(count)))
    }

    /// Signs bytes, or computes their code, with a key in the token.
    private func sign(
        _ input: [UInt8], with key: CK_OBJECT_HANDLE, by mechanismType: some BinaryInteger, _ name: String,
        length wanted: Int
    ) throws -> [UInt8] {
        var mechanism = CK_MECHANISM()
        mechanism.mechanism = CK_MECHANISM_TYPE(mechanismType)
        try module.perform(module.functions.C_SignInit, "C_SignInit with \(name)") { $0(session, &mechanism, key) }
        var (input, code) = (input, [UInt8](repeating: 0, count: wanted))
        var length = CK_ULONG(code.count)
        try module.perform(module.functions.C_Sign, "C_Sign with \(name)") { function in
            input.withUnsafeMutableBufferPointer { input in
                code.withUnsafeMutableBufferPointer { code in
                    function(session, input.baseAddress, CK_ULONG(input.count), code.baseAddress, &length)
                }
            }
        }
        guard length == wanted else {
            code.wipe()
            throw MasterKeyError("the token returned \(length) bytes for \(name), which makes \(wanted)")
        }
        return code
    }

    /// - Returns: the value of an object's attribute, 4,096 bytes at most.
    private func attribute(_ type: some BinaryInteger, of object: CK_OBJECT_HANDLE) throws -> [UInt8] {
        var value = [UInt8](repeating: 0, count: 4_096)
        var length = CK_ULONG(value.count)
        try value.withUnsafeMutableBytes { buffer in
            var attribute = CK_ATTRIBUTE(
                type: CK_ATTRIBUTE_TYPE(type), pValue: buffer.baseAddress, ulValueLen: CK_ULONG(buffer.count))
            try module.perform(module.functions.C_GetAttributeValue, "C_GetAttributeValue") {
                $0(session, object, &attribute, 1)
            }
            length = attribute.ulValueLen
        }
        guard length <= value.count else { throw MasterKeyError("the token has an attribute that cannot be read") }
        return Array(value.prefix(Int(length)))
    }

    private func generateKey() throws {
        var template = Template()
        template.add(CKA_CLASS, number: CK_ULONG(CKO_SECRET_KEY))
        template.add(CKA_KEY_TYPE, number: CK_ULONG(CKK_GENERIC_SECRET))
        template.add(CKA_VALUE_LEN, number: 32)
        addName(to: &template)
        for (attribute, value) in [
            (CKA_TOKEN, true), (CKA_PRIVATE, true), (CKA_SENSITIVE, true), (CKA_EXTRACTABLE, false),
            (CKA_MODIFIABLE, false), (CKA_SIGN, true), (CKA_VERIFY, false), (CKA_ENCRYPT, false),
            (CKA_DECRYPT, false), (CKA_WRAP, false), (CKA_UNWRAP, false), (CKA_DERIVE, false),
        ] {
            template.add(attribute, bool: value)
        }
        var mechanism = CK_MECHANISM()
        mechanism.mechanism = CK_MECHANISM_TYPE(CKM_GENERIC_SECRET_KEY_GEN)
        var handle = CK_OBJECT_HANDLE()
        try template.withAttributes { attributes, count in
            try module.perform(module.functions.C_GenerateKey, "C_GenerateKey") {
                $0(session, &mechanism, attributes, count, &handle)
            }
        }
    }

    private func addName(to template: inout Template) {
        if let object = uri.object { template.add(CKA_LABEL, Array(object.utf8)) }
        if let id = uri.id { template.add(CKA_ID, id) }
    }
}

/// Attributes of an object, with the memory of their values.
private struct Template {
    private var values: [(type: CK_ATTRIBUTE_TYPE, bytes: [UInt8])] = []

    mutating func add(_ type: some BinaryInteger, _ bytes: [UInt8]) {
        values.append((CK_ATTRIBUTE_TYPE(type), bytes))
    }

    mutating func add(_ type: some BinaryInteger, number: CK_ULONG) {
        add(type, withUnsafeBytes(of: number) { Array($0) })
    }

    mutating func add(_ type: some BinaryInteger, bool: Bool) { add(type, [bool ? 1 : 0]) }

    /// - Parameter body: receives attributes that point into one block of memory, valid while it runs.
    func withAttributes(_ body: (UnsafeMutablePointer<CK_ATTRIBUTE>?, CK_ULONG) throws -> Void) throws {
        // Each value is aligned as a number: modules read numbers in place.
        let alignment = MemoryLayout<CK_ULONG>.alignment
        var block = values.flatMap { value in
            value.bytes + Array(repeating: 0, count: (alignment - value.bytes.count % alignment) % alignment)
        }
        try block.withUnsafeMutableBytes { block in
            var offset = 0
            var attributes = values.map { value in
                defer { offset += (value.bytes.count + alignment - 1) / alignment * alignment }
                return CK_ATTRIBUTE(
                    type: value.type, pValue: block.baseAddress.map { $0 + offset },
                    ulValueLen: CK_ULONG(value.bytes.count))
            }
            try attributes.withUnsafeMutableBufferPointer { try body($0.baseAddress, CK_ULONG($0.count)) }
        }
    }
}
