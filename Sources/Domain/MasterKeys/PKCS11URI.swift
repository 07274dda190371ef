import Bytes

/// A PKCS #11 URI that names a key in a token. Source: RFC 7512.
///
/// `pkcs11:token=kbs;object=kbs-master?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/kbs/pin`
public struct PKCS11URI: Sendable, Hashable {
    /// The place of the PIN. It is never part of the URI: URIs are logged and shown by `ps`.
    public enum PINSource: Sendable, Hashable {
        case file(String)
        case environment(String)
    }

    /// The token's label.
    public var token: String?
    public var serial: String?
    public var manufacturer: String?
    public var model: String?
    /// The key's label (CKA_LABEL).
    public var object: String?
    /// The key's id (CKA_ID).
    public var id: [UInt8]?
    /// The shared library of the token's vendor.
    public var modulePath: String
    public var pin: PINSource?
    private let text: String

    /// The kind of key that a URI names.
    public enum KeyKind: String, Sendable {
        case secret = "secret-key"
        /// The private key of a pair.
        case signing = "private"
    }

    /// - Throws: ``MasterKeyError`` that names the missing or unsupported part, without a PIN.
    public init(_ text: String, naming kind: KeyKind = .secret) throws {
        guard text.hasPrefix("pkcs11:") else { throw MasterKeyError("a PKCS #11 URI begins with pkcs11:") }
        let halves = text.dropFirst("pkcs11:".count)
            .split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var module: String?
        for (name, bytes) in try Self.attributes(halves[0], separator: ";") {
            let value = { try Self.utf8(bytes, name) }
            switch name {
            case "token": token = try value()
            case "serial": serial = try value()
            case "manufacturer": manufacturer = try value()
            case "model": model = try value()
            case "object": object = try value()
            case "id": id = bytes
            case "type":
                guard try value() == kind.rawValue else {
                    throw MasterKeyError("the PKCS #11 URI should name a key of another kind: type=\(kind.rawValue)")
                }
            default: throw MasterKeyError("the PKCS #11 URI has \(name), which is not supported here")
            }
        }
        for (name, bytes) in try Self.attributes(halves.count > 1 ? halves[1] : "", separator: "&") {
            switch name {
            case "module-path": module = try Self.utf8(bytes, name)
            case "pin-source": pin = try PINSource(try Self.utf8(bytes, name))
            case "pin-value":
                throw MasterKeyError(
                    "the PKCS #11 URI holds a PIN, which others can read there: use pin-source=file:/path, or env:NAME, "
                        + "and change the PIN")
            default: throw MasterKeyError("the PKCS #11 URI has \(name), which is not supported here")
            }
        }
        guard let module, module.hasPrefix("/") else {
            throw MasterKeyError(
                "the PKCS #11 URI must name the token's library by its full path: "
                    + "?module-path=/usr/lib/softhsm/libsofthsm2.so")
        }
        guard token != nil || serial != nil else {
            throw MasterKeyError("the PKCS #11 URI must name the token: token=LABEL or serial=NUMBER")
        }
        guard object != nil || id != nil else {
            throw MasterKeyError("the PKCS #11 URI must name the key: object=LABEL or id=%01%02")
        }
        modulePath = module
        self.text = text
    }

    private static func attributes(
        _ text: Substring, separator: Character
    ) throws -> [(name: String, value: [UInt8])] {
        var seen: Set<Substring> = []
        return try text.split(separator: separator).map { attribute in
            let parts = attribute.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let value = percentDecode(parts[1]) else {
                throw MasterKeyError(
                    "the PKCS #11 URI has an attribute that is not name=value, with % before two hex digits")
            }
            guard seen.insert(parts[0]).inserted else {
                throw MasterKeyError("the PKCS #11 URI has \(parts[0]) twice")
            }
            return (String(parts[0]), value)
        }
    }

    private static func percentDecode(_ text: Substring) -> [UInt8]? {
        var (bytes, rest) = ([UInt8](), Array(text.utf8)[...])
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let decoded = Hex.decode(String(decoding: rest.prefix(2), as: UTF8.self)), decoded.count == 1 else {
                return nil
            }
            bytes += decoded
            rest = rest.dropFirst(2)
        }
        return bytes
    }

    private static func utf8(_ bytes: [UInt8], _ name: String) throws -> String {
        guard !bytes.isEmpty, !bytes.contains(0), let text = String(validating: bytes, as: UTF8.self) else {
            throw MasterKeyError("the PKCS #11 URI has a \(name) that is not text")
        }
        return text
    }
}

extension PKCS11URI.PINSource {
    fileprivate init(_ text: String) throws {
        let path = text.hasPrefix("file://") ? text.dropFirst(7) : text.hasPrefix("file:") ? text.dropFirst(5) : nil
        if let path, path.hasPrefix("/") {
            self = .file(String(path))
        } else if text.hasPrefix("env:"), text.utf8.count > 4 {
            self = .environment(String(text.dropFirst(4)))
        } else {
            throw MasterKeyError("pin-source should be file:/path or env:NAME")
        }
    }
}

extension PKCS11URI: CustomStringConvertible {
    /// The URI as it was written; it holds no PIN.
    public var description: String { text }
}
