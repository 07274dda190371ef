import Crypto
import FastP384
import HTTPClient
import PostgreSQL
import SQLite
import Storage

/// The distribution's libraries that this process runs: as they were loaded, which is not always as they are on the disk.
package struct RunningLibraries: Sendable, Hashable {
    package struct Library: Sendable, Hashable {
        /// Stable: a metric's label and a log line's field.
        package let name: String
        package let version: String
    }

    package let libraries: [Library]
    /// Whether only algorithms of a FIPS module may be used.
    package let isFIPSMode: Bool
    /// Whether guests may bring keys for ML-KEM-768.
    package let hasMLKEM: Bool

    /// Those of this process.
    package static let current = RunningLibraries(
        libraries: [
            Library(name: "openssl", version: number(CryptoLibrary.version)),
            Library(name: "nettle", version: number(FastP384.version)),
            Library(name: "sqlite", version: Database.libraryVersion),
            Library(name: "libpq", version: PostgreSQLLibrary.version),
            Library(name: "libcurl", version: HTTPClientLibrary.version),
        ], isFIPSMode: CryptoLibrary.isFIPSMode, hasMLKEM: MLKEM768.isAvailable)

    /// `OpenSSL 3.0.22 25 Aug 2026` as `3.0.22`.
    private static func number(_ text: String) -> String {
        text.split(separator: " ").dropFirst().first.map(String.init) ?? text
    }

    /// Names and what is to be said of each, in a stable order.
    package var fields: [(name: String, value: String)] {
        libraries.map { ($0.name, $0.version) }
            + [("fips", isFIPSMode ? "on" : "off"), ("ml_kem", hasMLKEM ? "available" : "not available")]
    }
}
