import Bytes
import Crypto
import Files
package import FoundationEssentials
package import TLS

/// The files of a server's certificate and key.
package struct TLSFiles: Sendable, Hashable {
    package let certificate: URL
    package let key: URL
    package let clientAuthorities: URL?
    package let minimumVersion: TLSVersion

    package init(certificate: URL, key: URL, clientAuthorities: URL?, minimumVersion: TLSVersion) {
        self.certificate = certificate
        self.key = key
        self.clientAuthorities = clientAuthorities
        self.minimumVersion = minimumVersion
    }

    /// The files' contents at one time.
    package struct Contents {
        let certificate: [UInt8]
        let key: Secret
        let clientAuthorities: [UInt8]?

        /// Depends on the contents alone, not on paths or times.
        package var digest: [UInt8] {
            var hash = SHA256()
            for part in [certificate, clientAuthorities ?? []] {
                hash.update(data: UInt64(part.count).littleEndianBytes)
                hash.update(data: part)
            }
            key.withBytes { hash.update(bufferPointer: $0) }
            return Array(hash.finalize())
        }
    }

    /// - Throws: ``InvalidSetting`` that names the unreadable file.
    package func read() throws -> Contents {
        let certificate = try Self.read(certificate, "tls.certificate")
        var key = try Self.read(key, "tls.key")
        return Contents(
            certificate: certificate, key: Secret(wiping: &key),
            clientAuthorities: try clientAuthorities.map { try Self.read($0, "tls.client_ca") })
    }

    /// Reads at most 4 MiB: a bundle of all public authorities has 300,000 bytes.
    private static func read(_ file: URL, _ setting: String) throws -> [UInt8] {
        do { return try File.read(file.filePath, atMost: 4 << 20) } catch {
            throw InvalidSetting("\(setting): \(error.description)")
        }
    }

    /// Whether users beside the key file's owner and group may read it.
    package var isKeyOpenToAll: Bool { FileStatus.of(key.filePath).map { $0.permissions & 0o007 != 0 } ?? false }
}
