import Foundation

/// The library with which libpq hashes passwords and speaks TLS.
enum OpenSSL {
    /// Has it stay in order until the process is no more.
    ///
    /// By itself it cleans up when `exit` is called, under the hands of threads that connect just then: a command that is
    /// done would end with a crash.
    static let keepUntilExit: Void = {
        typealias Initialize = @convention(c) (UInt64, OpaquePointer?) -> CInt
        // libpq has loaded it, unless it was built without: then there is nothing to keep.
        guard let program = dlopen(nil, RTLD_NOW), let function = dlsym(program, "OPENSSL_init_crypto") else { return }
        // OPENSSL_INIT_NO_ATEXIT.
        _ = unsafeBitCast(function, to: Initialize.self)(0x0008_0000, nil)
    }()
}
