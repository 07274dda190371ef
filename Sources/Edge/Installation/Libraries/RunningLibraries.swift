import Crypto
import FastP384
import HTTPClient
import PostgreSQL
import SQLite
import Storage

/// The distribution's libraries as this process has loaded them; the disk may have newer ones.
package struct RunningLibraries: Sendable, Hashable {
    package struct Library: Sendable, Hashable {
        /// Stable: a metric's label and a log line's field.
        package let name: String
        package let version: String
    }

    package let libraries: [Library]
    /// Whether only a FIPS module's algorithms are allowed.
    package let isFIPSMode: Bool
    /// Whether guests may bring keys for ML-KEM-768.
    package let hasMLKEM: Bool

    /// The libraries of this process.
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

    /// For a log line and the server's status.
    package var fields: [String: String] {
        libraries.reduce(
            into: ["fips": isFIPSMode ? "on" : "off", "ml_kem": hasMLKEM ? "available" : "not available"]
        ) { $0[$1.name] = $1.version }
    }
}
