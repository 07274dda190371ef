import Bytes
import FoundationEssentials

/// The broker's address, and how its identity is verified.
public struct BrokerAddress: Sendable {
    /// The verification of the server's identity.
    public enum Trust: Sendable, Hashable {
        /// SHA-256 of the SubjectPublicKeyInfo (DER) of the server's certificate is one of these. Dates and names in
        /// the certificate are not checked: a pin names the key itself, and the clock of a machine in its initramfs is
        /// often wrong.
        case pins(Set<[UInt8]>)
        /// The chain leads to a CA in this PEM file, and the certificate is valid now and for the host.
        case authority(file: String)
        /// As `authority`, with the system's CAs.
        case system
        /// Plain HTTP.
        case none
    }

    let host: String
    let port: Int
    /// The URL's path without a slash at its end; usually empty.
    let path: String
    let trust: Trust

    /// - Parameters:
    ///   - url: e.g. `https://broker.example:8080`.
    ///   - pins: `sha256:` and 64 hex digits, each.
    ///   - authority: a PEM file.
    ///   - allowsPlainHTTP: whether `http://` is accepted.
    /// - Throws: ``GuestFailure`` of kind `unusable`.
    public init(url: String, pins: [String], authority: String?, allowsPlainHTTP: Bool) throws(GuestFailure) {
        guard let parts = URLComponents(string: url), let scheme = parts.scheme?.lowercased(),
            let host = parts.host, !host.isEmpty, ["http", "https"].contains(scheme),
            parts.query == nil, parts.fragment == nil, parts.user == nil
        else { throw GuestFailure(.unusable, "--url must be like https://broker.example:8080.") }
        self.host = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        port = parts.port ?? (scheme == "https" ? 443 : 80)
        guard (1...65_535).contains(port) else { throw GuestFailure(.unusable, "--url has an impossible port.") }
        var path = parts.percentEncodedPath
        while path.hasSuffix("/") { path.removeLast() }
        guard !path.hasSuffix("/kbs/v0") else { throw GuestFailure(.unusable, "--url: leave /kbs/v0 out.") }
        self.path = path

        guard pins.isEmpty || authority == nil else {
            throw GuestFailure(.unusable, "Give --pin or --ca, not both: a pin needs no CA.")
        }
        if scheme == "http" {
            guard allowsPlainHTTP else {
                throw GuestFailure(
                    .unusable,
                    "--url is plain HTTP. Use https:// with --pin or --ca, or say --insecure-http: the secret is encrypted to "
                        + "this guest all the same, but anyone on the way could put a secret of their own in its place."
                )
            }
            guard pins.isEmpty, authority == nil else {
                throw GuestFailure(.unusable, "--pin and --ca need https://: plain HTTP has nothing to check.")
            }
            trust = .none
        } else if !pins.isEmpty {
            var digests: Set<[UInt8]> = []
            for pin in pins { digests.insert(try Self.digest(pin)) }
            trust = .pins(digests)
        } else {
            trust = authority.map { .authority(file: $0) } ?? .system
        }
    }

    private static func digest(_ pin: String) throws(GuestFailure) -> [UInt8] {
        guard pin.hasPrefix("sha256:"), let digest = Hex.decode(pin.dropFirst("sha256:".count)), digest.count == 32
        else {
            throw GuestFailure(
                .unusable, "--pin must be sha256: and 64 hex digits, over the server's SubjectPublicKeyInfo.")
        }
        return digest
    }
}
