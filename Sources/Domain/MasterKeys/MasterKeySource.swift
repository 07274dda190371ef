public import FoundationEssentials

/// Why a master key is not available, with the remedy.
public struct MasterKeyError: Error, Sendable, Hashable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}

/// A source of master keys.
public enum MasterKeySource: Sendable, Hashable {
    /// A key file; `nil` is `master.key` in the data folder.
    case file(URL?)
    /// An environment variable, which is removed once it is read.
    case environment(String)
    /// A credential that systemd passes: `$CREDENTIALS_DIRECTORY/NAME`.
    case credential(String)
    /// Derived by a PKCS #11 token from a key that never leaves it.
    case token(PKCS11URI)

    /// Reads `file:`, `file:/path`, `env:NAME`, `credential:NAME` or `pkcs11:…`.
    ///
    /// - Throws: ``MasterKeyError``.
    public init(_ text: String) throws {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { throw Self.malformed }
        let rest = String(parts[1])
        switch parts[0] {
        case "file": self = .file(rest.isEmpty ? nil : URL(filePath: rest))
        case "env":
            guard Self.isName(rest) else {
                throw MasterKeyError("env: needs the name of a variable, as in env:KBS_KEY")
            }
            self = .environment(rest)
        case "credential":
            guard !rest.isEmpty, !rest.contains("/"), rest != ".", rest != ".." else {
                throw MasterKeyError("credential: needs the name of a credential, as in credential:kbs-master")
            }
            self = .credential(rest)
        case "pkcs11": self = .token(try PKCS11URI(text))
        default: throw Self.malformed
        }
    }

    private static let malformed = MasterKeyError(
        "file:, file:/path, env:NAME, credential:NAME, or a PKCS #11 URI (pkcs11:token=…;object=…?module-path=…)")

    private static func isName(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { $0 != UInt8(ascii: "=") && $0 > 0x20 && $0 < 0x7F }
    }
}

extension MasterKeySource: CustomStringConvertible {
    public var description: String {
        switch self {
        case .file(nil): "file:"
        case .file(let file?): "file:\(file.path(percentEncoded: false))"
        case .environment(let name): "env:\(name)"
        case .credential(let name): "credential:\(name)"
        case .token(let uri): "\(uri)"
        }
    }
}

/// The configured sources.
public struct MasterKeySources: Sendable, Hashable {
    /// The source of the active key, which is its first.
    public var master: MasterKeySource
    public var previous: [MasterKeySource]

    public init(master: MasterKeySource = .file(nil), previous: [MasterKeySource] = []) {
        self.master = master
        self.previous = previous
    }

    var all: [MasterKeySource] { [master] + previous }
}
