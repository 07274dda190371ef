import Crypto
public import FoundationEssentials
public import NIOSSL

/// Where a server's certificate and key are.
public struct TLSFiles: Sendable, Hashable {
    public let certificate: URL
    public let key: URL
    public let clientAuthorities: URL?
    public let minimumVersion: TLSVersion

    /// What they hold at one time.
    struct Contents {
        let certificate: [UInt8]
        let key: [UInt8]
        let clientAuthorities: [UInt8]?

        /// Changes with the contents, whatever path leads to them and whatever the clock says.
        var digest: [UInt8] {
            var hash = SHA256()
            for part in [certificate, key, clientAuthorities ?? []] {
                hash.update(data: withUnsafeBytes(of: UInt64(part.count)) { Array($0) })
                hash.update(data: part)
            }
            return Array(hash.finalize())
        }
    }

    /// - Throws: ``InvalidSetting`` with the file that cannot be read.
    func read() throws -> Contents {
        Contents(
            certificate: try Self.read(certificate, "tls.certificate"), key: try Self.read(key, "tls.key"),
            clientAuthorities: try clientAuthorities.map { try Self.read($0, "tls.client_ca") })
    }

    private static func read(_ file: URL, _ setting: String) throws -> [UInt8] {
        do {
            return Array(try Data(contentsOf: file))
        } catch {
            throw InvalidSetting(
                "\(setting): \(file.path(percentEncoded: false)) cannot be read: \(error.localizedDescription)")
        }
    }

    /// Whether others than the key's owner and group may read it.
    var isKeyOpenToAll: Bool {
        let attributes = try? FileManager.default.attributesOfItem(
            atPath: key.resolvingSymlinksInPath().path(percentEncoded: false))
        return (attributes?[.posixPermissions] as? NSNumber).map { $0.intValue & 0o007 != 0 } ?? false
    }
}
