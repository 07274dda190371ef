import Bytes
import COpenSSL
import Formats
import Glibc

/// A name in a certificate's subjectAltName. Source: RFC 5280, section 4.2.1.6.
public enum AlternativeName: Hashable, Sendable {
    case dns(String)
    case uri(String)
    case email(String)
    /// 4 or 16 bytes.
    case address([UInt8])
    /// The tag's number of another kind.
    case other(UInt32)

    /// - Parameter host: a DNS name or an IP address.
    /// - Throws: ``CertificateError`` for other text.
    public init(host: String) throws(CertificateError) {
        if let address = Self.address(host) {
            self = .address(address)
            return
        }
        let labels = (host.hasPrefix("*.") ? host.dropFirst(2) : host[...])
            .split(separator: ".", omittingEmptySubsequences: false)
        guard labels.allSatisfy(Self.isLabel), host.utf8.count <= 253 else {
            throw CertificateError("\"\(host)\" is neither a DNS name nor an IP address")
        }
        self = .dns(host)
    }

    private static func isLabel(_ label: Substring) -> Bool {
        (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
            && label.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }

    /// The bytes of an IP address; nil for other text.
    package static func address(_ text: String) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, text, &bytes) == 1 { return Array(bytes.prefix(4)) }
        return inet_pton(AF_INET6, text, &bytes) == 1 ? bytes : nil
    }

    /// A DNS name or IP address as text; nil for other kinds.
    public var hostText: String? {
        switch self {
        case .dns(let name): name
        case .address(let bytes): Self.text(bytes)
        case .uri, .email, .other: nil
        }
    }

    private static func text(_ address: [UInt8]) -> String? {
        var buffer = [CChar](repeating: 0, count: 46)
        switch address.count {
        case 4: inet_ntop(AF_INET, address, &buffer, 46)
        case 16: inet_ntop(AF_INET6, address, &buffer, 46)
        default: return nil
        }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

extension X509Certificate {
    /// Its names, in order; empty also for a malformed extension.
    public var alternativeNames: [AlternativeName] {
        guard let contents = self.extension(NID_subject_alt_name) else { return [] }
        return (try? Self.names(contents)) ?? []
    }

    private static func names(_ contents: [UInt8]) throws(MalformedInput) -> [AlternativeName] {
        var fields = try DERElement(contents, subject: "subject alternative name").fields()
        var names: [AlternativeName] = []
        while !fields.isAtEnd {
            let name = try fields.next("a name")
            switch name.tag {
            case .primitive(1): names.append(.email(try text(name)))
            case .primitive(2): names.append(.dns(try text(name)))
            case .primitive(6): names.append(.uri(try text(name)))
            case .primitive(7): names.append(.address(name.contents))
            default: names.append(.other(name.tag.number))
            }
        }
        return names
    }

    private static func text(_ name: DERElement) throws(MalformedInput) -> String {
        let bytes = name.contents
        guard bytes.allSatisfy({ $0 < 0x80 && $0 != 0 }) else {
            throw MalformedInput("subject alternative name", "it has characters that are invalid in IA5String")
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The uses of its key (extended key usage); nil without the extension, which allows every use.
    public var extendedKeyUsages: [String]? {
        guard let contents = self.extension(NID_ext_key_usage) else { return nil }
        guard let names = try? Self.usages(contents) else { return ["uses that cannot be read"] }
        return names
    }

    private static func usages(_ contents: [UInt8]) throws(MalformedInput) -> [String] {
        var fields = try DERElement(contents, subject: "extended key usage").fields()
        var names: [String] = []
        while !fields.isAtEnd {
            let identifier = try fields.next("a use").objectIdentifier()
            names.append(usageNames[identifier] ?? "\(identifier)")
        }
        return names
    }

    private static let usageNames: [OID: String] = [
        [2, 5, 29, 37, 0]: "anyExtendedKeyUsage", [1, 3, 6, 1, 5, 5, 7, 3, 1]: "serverAuth",
        [1, 3, 6, 1, 5, 5, 7, 3, 2]: "clientAuth", [1, 3, 6, 1, 5, 5, 7, 3, 3]: "codeSigning",
        [1, 3, 6, 1, 5, 5, 7, 3, 4]: "emailProtection", [1, 3, 6, 1, 5, 5, 7, 3, 8]: "timeStamping",
        [1, 3, 6, 1, 5, 5, 7, 3, 9]: "OCSPSigning",
    ]
}
