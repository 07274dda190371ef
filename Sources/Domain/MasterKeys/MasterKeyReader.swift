import Bytes
import Concurrency
public import Crypto
import Files
public import FoundationEssentials

/// Reads the master keys from their sources.
public final class MasterKeyReader: Sendable {
    private let sources: MasterKeySources
    private let defaultFile: URL
    /// Keys of sources that are read once: a variable is removed after that, and a token is slow.
    private let remembered = Lock<[MasterKeySource: [SymmetricKey]]>([:])

    /// - Parameter folder: the data folder, for `file:`.
    public init(_ sources: MasterKeySources, folder: URL) {
        self.sources = sources
        defaultFile = folder.appending(path: "master.key")
    }

    /// The active key's file; nil when it comes from another kind of source.
    public var masterFile: URL? {
        if case .file(let file) = sources.master { file ?? defaultFile } else { nil }
    }

    /// The master keys, 32 bytes each, the active one first.
    ///
    /// - Parameter fresh: whether to read tokens again.
    /// - Throws: ``MasterKeyError``.
    public func read(fresh: Bool) throws -> [SymmetricKey] {
        var keys: [SymmetricKey] = []
        for source in sources.all {
            for key in try read(source, fresh: fresh) where !keys.contains(key) { keys.append(key) }
        }
        return keys
    }

    /// Warnings about who can read the files with keys and tokens' PINs, as sentences.
    public var warnings: [String] {
        sources.all.compactMap { source in
            switch source {
            case .file(let file): KeyFile(file ?? defaultFile).warning
            case .token(let uri): uri.pinWarning
            // Only this process can read these.
            case .credential, .environment: nil
            }
        }
    }

    private func read(_ source: MasterKeySource, fresh: Bool) throws -> [SymmetricKey] {
        switch source {
        case .file(let file): return try KeyFile(file ?? defaultFile).read()
        case .credential(let name): return try credential(name)
        case .environment(let name): return try remembering(source) { try Self.environment(name) }
        case .token(let uri):
            return try remembering(source, fresh: fresh) { [try PKCS11Token.deriveMasterKey(uri)] }
        }
    }

    private func remembering(
        _ source: MasterKeySource, fresh: Bool = false, _ read: () throws -> [SymmetricKey]
    ) throws -> [SymmetricKey] {
        try remembered.withLock { remembered in
            if !fresh, let keys = remembered[source] { return keys }
            let keys = try read()
            remembered[source] = keys
            return keys
        }
    }

    private func credential(_ name: String) throws -> [SymmetricKey] {
        guard let folder = ProcessInfo.processInfo.environment["CREDENTIALS_DIRECTORY"] else {
            throw MasterKeyError(
                "credential:\(name) cannot be read: systemd passed no credentials "
                    + "(LoadCredential=\(name):/path or LoadCredentialEncrypted= in the unit)")
        }
        let file = URL(filePath: folder).appending(path: name)
        guard File.exists(file.filePath) else {
            throw MasterKeyError("systemd passed no credential \(name): name it with LoadCredential= in the unit")
        }
        return try KeyFile(credential: file).read()
    }

    private static func environment(_ name: String) throws -> [SymmetricKey] {
        guard let text = EnvironmentVariable.take(name) else {
            throw MasterKeyError("the environment has no variable \(name) with the master key")
        }
        return try KeyFile.parse(Secret(text), from: "the variable \(name)")
    }
}
