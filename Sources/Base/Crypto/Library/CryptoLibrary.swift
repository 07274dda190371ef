import COpenSSL
import Glibc
import Synchronization

/// The loaded libcrypto, which may differ from the one at build time.
public enum CryptoLibrary {
    /// Name, version and date, e.g. `OpenSSL 3.0.22 25 Aug 2026`.
    public static let version = String(cString: OpenSSL_version(OPENSSL_VERSION))

    /// Whether only algorithms of a FIPS module may be used: by OpenSSL's default properties, or the kernel's `fips=1`.
    public static var isFIPSMode: Bool { forcedFIPSMode ?? detectedFIPSMode }

    /// Checks that all required algorithms are available. Otherwise the first use of a missing one ends the process.
    ///
    /// - Throws: ``CryptoError/unavailable(_:)`` with the names of the missing ones.
    public static func check() throws(CryptoError) {
        let missing = Fetched.required.filter { !$0.isAvailable }.map(\.name)
        guard missing.isEmpty else {
            throw .unavailable(
                "libcrypto (\(version)) does not have \(missing.joined(separator: ", ")): see openssl.cnf, and "
                    + "OPENSSL_CONF and OPENSSL_MODULES in the environment")
        }
    }

    /// For tests of FIPS mode on machines without a FIPS module.
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
    /// The number of look-ups of algorithms by name. They cost more than their use, so that a warm program must make none:
    /// a test compares this before and after.
    package static var fetches: Int { FetchedAlgorithm.fetches.load(ordering: .relaxed) }

    /// Whether a failed call has left an error in this thread's queue, which the next TLS operation would take for its own.
    package static var hasPendingError: Bool { ERR_peek_error() != 0 }

    /// Empties this thread's queue: a test's thread has been others' before, libpq's for instance.
    package static func forgetErrors() { ERR_clear_error() }
}
