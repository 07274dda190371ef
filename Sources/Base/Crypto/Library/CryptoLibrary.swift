import COpenSSL
import Glibc

/// The libcrypto that this process has loaded, which may be another than the one it was built with.
public enum CryptoLibrary {
    /// Name, version and date, e.g. `OpenSSL 3.0.22 25 Aug 2026`.
    public static let version = String(cString: OpenSSL_version(OPENSSL_VERSION))

    /// Whether only algorithms of a FIPS module may be used: OpenSSL's default properties ask for one, or the kernel was
    /// started with `fips=1`. Nobody else decides this.
    public static var isFIPSMode: Bool { forcedFIPSMode ?? detectedFIPSMode }

    /// Whether there is ML-KEM-768: since OpenSSL 3.5.
    public static var hasMLKEM: Bool { Fetched.mlkem768 != nil }

    /// Looks for every algorithm that the program cannot do without.
    ///
    /// Without this, the first use of one that is missing ends the process.
    ///
    /// - Throws: ``CryptoError/unavailable(_:)`` with the names of those that `openssl.cnf` keeps away.
    public static func check() throws(CryptoError) {
        let missing = Fetched.required.filter { !$0.isThere }.map(\.name)
        guard missing.isEmpty else {
            throw .unavailable(
                "libcrypto (\(version)) does not give \(missing.joined(separator: ", ")): look at openssl.cnf, and at "
                    + "OPENSSL_CONF and OPENSSL_MODULES in the environment")
        }
    }

    /// For tests of what changes in FIPS mode, on machines that have no FIPS module.
    @TaskLocal package static var forcedFIPSMode: Bool?

    private static let detectedFIPSMode: Bool =
        EVP_default_properties_is_fips_enabled(nil) == 1 || kernelFIPSMode

    private static var kernelFIPSMode: Bool {
        let file = open("/proc/sys/crypto/fips_enabled", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return false }
        defer { close(file) }
        var digit: UInt8 = 0
        return read(file, &digit, 1) == 1 && digit == UInt8(ascii: "1")
    }
}

extension CryptoLibrary {
    /// Calls of this process that look an algorithm up by its name. They cost more than what is done with it, so that
    /// there must be none once the program is warm: a test compares this before and after.
    package static var fetches: Int { LibraryCalls.fetches }

    /// Whether a failed call has left something in this thread's error queue, where the next reader of TLS would take
    /// it for its own.
    package static var hasPendingError: Bool { ERR_peek_error() != 0 }
}
