import Bytes
import Crypto
import Files
package import FoundationEssentials
package import TLS

/// Where a server's certificate and key are.
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

    /// What they hold at one time.
    package struct Contents {
        let certificate: [UInt8]
        let key: Secret
        let clientAuthorities: [UInt8]?

        /// Changes with the contents, whatever path leads to them and whatever the clock says.
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

    /// - Throws: ``InvalidSetting`` with the file that cannot be read.
    package func read() throws -> Contents {
        let certificate = try Self.read(certificate, "tls.certificate")
        var key = try Self.read(key, "tls.key")
        return Contents(
            certificate: certificate, key: Secret(wiping: &key),
            clientAuthorities: try clientAuthorities.map { try Self.read($0, "tls.client_ca") })
    }

    /// - Parameter limit: in bytes: a bundle of all the world's authorities has 300,000.
    private static func read(_ file: URL, _ setting: String, atMost limit: Int = 4 << 20) throws -> [UInt8] {
        do { return try File.read(file.filePath, atMost: limit) } catch {
            throw InvalidSetting("\(setting): \(error.description)")
        }
    }

    /// Whether others than the key's owner and group may read it.
    package var isKeyOpenToAll: Bool { FileStatus.of(key.filePath).map { $0.permissions & 0o007 != 0 } ?? false }
}
