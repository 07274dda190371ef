import Bytes
import Concurrency
import Files

/// A token's PIN. It is never part of an error.
extension PKCS11URI {
    /// - Returns: nil when the URI names none: the token has a PIN pad, or needs no PIN.
    /// - Throws: ``MasterKeyError``, without the PIN.
    func readPIN() throws -> [UInt8]? {
        switch pin {
        case nil: nil
        case .file(let path): try Self.read(path)
        case .environment(let name): try Self.environment(name)
        }
    }

    /// A warning about who else can read the PIN's file; nil when there is none, or no file.
    var pinWarning: String? {
        guard case .file(let path) = pin else { return nil }
        return try? PrivateFile.examine(path)
    }

    private static func read(_ path: String) throws -> [UInt8] {
        let contents: PrivateFile.Contents
        do { contents = try PrivateFile.read(path, atMost: 4_096) } catch {
            throw MasterKeyError("the token's PIN: \(error)")
        }
        var pin = contents.secret.withBytes { Array($0) }
        while pin.last == UInt8(ascii: "\n") || pin.last == UInt8(ascii: "\r") { pin.removeLast() }
        guard !pin.isEmpty else { throw MasterKeyError("the PIN's file \(path) is empty") }
        return pin
    }

    /// PINs read from the environment, from which they were removed.
    private static let taken = Lock<[String: [UInt8]]>([:])

    private static func environment(_ name: String) throws -> [UInt8] {
        try taken.withLock { taken in
            if let pin = EnvironmentVariable.take(name) { taken[name] = pin }
            guard let pin = taken[name] else {
                throw MasterKeyError("the environment has no variable \(name) with the token's PIN")
            }
            return pin
        }
    }
}
