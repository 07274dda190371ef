import Broker
import Foundation
import TOMLKit

/// A guest's init data: what its host gave it at launch, and HOST_DATA is the digest of.
struct InitialData: Sendable {
    /// Of the document under the algorithm that it names, as HOST_DATA has it: 32 bytes.
    let digest: [UInt8]
    /// The members of `[data]`.
    let claims: [String: String]

    /// In bytes.
    static let longest = 1 << 20

    /// - Throws: a ``Refusal``.
    init(_ message: AttestationMessage.InitialData) throws(Refusal) {
        guard message.format == "toml" else {
            throw Refusal(.malformed, "init-data.format must be \"toml\".")
        }
        guard message.body.utf8.count <= Self.longest else {
            throw Refusal(.malformed, "init-data.body is longer than \(Self.longest) bytes.")
        }
        guard let table = try? TOMLTable(string: message.body) else {
            throw Refusal(.malformed, "init-data.body is not TOML.")
        }
        guard let version = table["version"]?.string, version.hasPrefix("0.1.") else {
            throw Refusal(.malformed, "init-data.body must have version = \"0.1.0\".")
        }
        guard let name = table["algorithm"]?.string, let algorithm = HashAlgorithm(rawValue: Self.normal(name)) else {
            throw Refusal(.malformed, "init-data.body must have algorithm = \"sha256\", \"sha384\" or \"sha512\".")
        }
        guard let data = table["data"]?.table else {
            throw Refusal(.malformed, "init-data.body has no table [data].")
        }
        var claims: [String: String] = [:]
        for (name, value) in data {
            guard let text = value.tomlValue.string else {
                throw Refusal(.malformed, "The values in [data] of init-data.body must be texts.")
            }
            claims[name] = text
        }
        self.claims = claims
        digest = algorithm.digest(of: Data(message.body.utf8), filling: 32)
    }

    /// Documents are found with `sha-384` and with `SHA384`.
    private static func normal(_ name: String) -> String { name.lowercased().replacing("-", with: "") }
}
