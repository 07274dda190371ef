import CPKCS11
import Concurrency
import Files
import Glibc

/// A vendor's PKCS #11 library, initialised while `body` runs.
///
/// PKCS #11 keeps its state per process, logins included: so only one use runs at a time.
struct PKCS11Module {
    let functions: CK_FUNCTION_LIST

    private static let oneAtATime = Lock(())

    /// - Throws: ``MasterKeyError`` when the library is missing or does not work.
    static func with<T: Sendable>(_ path: String, _ body: (PKCS11Module) throws -> T) throws -> T {
        try oneAtATime.withLock { _ in
            guard File.exists(path) else {
                throw MasterKeyError("the PKCS #11 module \(path) is not there: install it, or correct module-path")
            }
            // Never unloaded: few libraries can be loaded again.
            guard let library = dlopen(path, RTLD_NOW | RTLD_LOCAL) else {
                throw MasterKeyError("the PKCS #11 module \(path) cannot be loaded: \(String(cString: dlerror()))")
            }
            guard let symbol = dlsym(library, "C_GetFunctionList") else {
                throw MasterKeyError("\(path) is a library, but not a PKCS #11 module (it has no C_GetFunctionList)")
            }
            let getFunctionList = unsafeBitCast(symbol, to: CK_C_GetFunctionList.self)
            var list: UnsafeMutablePointer<CK_FUNCTION_LIST>?
            try Failure.check(getFunctionList(&list), "C_GetFunctionList")
            guard let list, list.pointee.version.major == 2, list.pointee.version.minor >= 20 else {
                throw MasterKeyError("the PKCS #11 module \(path) is not of version 2.20 or later")
            }
            let module = PKCS11Module(functions: list.pointee)
            try module.initialize()
            defer { _ = list.pointee.C_Finalize?(nil) }
            return try body(module)
        }
    }

    private func initialize() throws {
        var arguments = CK_C_INITIALIZE_ARGS()
        arguments.flags = CK_FLAGS(CKF_OS_LOCKING_OK)
        let result = try call(functions.C_Initialize, "C_Initialize") { $0(&arguments) }
        guard result != CKR_CRYPTOKI_ALREADY_INITIALIZED else { return }
        try Failure.check(result, "C_Initialize")
    }

    /// Calls a function, which the module may lack.
    func call<F>(_ function: F?, _ name: String, _ body: (F) throws -> CK_RV) throws -> CK_RV {
        guard let function else { throw MasterKeyError("the PKCS #11 module has no \(name)") }
        return try body(function)
    }

    /// Calls a function that must succeed.
    func perform<F>(_ function: F?, _ name: String, _ body: (F) throws -> CK_RV) throws {
        try Failure.check(try call(function, name, body), name)
    }

    /// A failed PKCS #11 call.
    enum Failure {
        static func check(_ result: CK_RV, _ function: String) throws {
            guard result != CKR_OK else { return }
            throw MasterKeyError("the token refused \(function): \(name(result))")
        }

        private static func name(_ result: CK_RV) -> String {
            let known: [CK_RV: String] = [
                CK_RV(CKR_DEVICE_REMOVED): "it was removed",
                CK_RV(CKR_DEVICE_ERROR): "it reports an error of the device",
                CK_RV(CKR_TOKEN_NOT_PRESENT): "it is not present",
                CK_RV(CKR_SESSION_READ_ONLY): "it is read-only",
                CK_RV(CKR_TOKEN_WRITE_PROTECTED): "it is write-protected",
                CK_RV(CKR_MECHANISM_INVALID): "it does not know the mechanism",
                CK_RV(CKR_KEY_FUNCTION_NOT_PERMITTED): "the key may not sign (CKA_SIGN)",
                CK_RV(CKR_KEY_TYPE_INCONSISTENT): "the key is not a generic secret (CKK_GENERIC_SECRET)",
                CK_RV(CKR_USER_NOT_LOGGED_IN): "it wants a PIN: name one with pin-source",
                CK_RV(CKR_GENERAL_ERROR): "a general error: is its configuration readable to this user?",
            ]
            return (known[result].map { "\($0) " } ?? "") + "(CKR 0x\(String(result, radix: 16)))"
        }
    }
}
