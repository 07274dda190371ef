import Bytes
import COpenSSL

/// The name of a certificate's subject or issuer.
public struct DistinguishedName: Hashable, Sendable, CustomStringConvertible {
    /// A part of the name: its kind and its value, escaped by RFC 4514.
    public struct Attribute: Hashable, Sendable, CustomStringConvertible {
        /// E.g. `CN`, or an object identifier.
        public let kind: String
        public let value: String
        public var description: String { "\(kind)=\(value)" }
    }

    /// In the certificate's order; the attributes of a set are one list.
    public let attributes: [[Attribute]]

    /// The form of RFC 4514: the last part first.
    public var description: String {
        attributes.reversed().map { $0.map(\.description).joined(separator: "+") }.joined(separator: ",")
    }

    public var commonNames: [String] { attributes.joined().filter { $0.kind == "CN" }.map(\.value) }

    /// - Parameter name: of type X509_NAME.
    init(_ name: OpaquePointer?) {
        var attributes: [[Attribute]] = []
        var last: Int32?
        for index in 0..<X509_NAME_entry_count(name) {
            guard let entry = X509_NAME_get_entry(name, index) else { continue }
            let set = X509_NAME_ENTRY_set(entry)
            let attribute = Attribute(
                kind: Self.kind(X509_NAME_ENTRY_get_object(entry)), value: Self.value(X509_NAME_ENTRY_get_data(entry)))
            if set == last, !attributes.isEmpty {
                attributes[attributes.count - 1].append(attribute)
            } else {
                attributes.append([attribute])
            }
            last = set
        }
        self.attributes = attributes
    }

    private static func kind(_ object: OpaquePointer?) -> String {
        switch OBJ_obj2nid(object) {
        case NID_commonName: "CN"
        case NID_countryName: "C"
        case NID_localityName: "L"
        case NID_stateOrProvinceName: "ST"
        case NID_organizationName: "O"
        case NID_organizationalUnitName: "OU"
        case NID_streetAddress: "STREET"
        case NID_domainComponent: "DC"
        case NID_pkcs9_emailAddress: "E"
        default: dotted(object)
        }
    }

    private static func dotted(_ object: OpaquePointer?) -> String {
        var text = [UInt8](repeating: 0, count: 256)
        let count = text.withUnsafeMutableBytes { bytes in
            OBJ_obj2txt(bytes.assumingMemoryBound(to: CChar.self).baseAddress, Int32(bytes.count), object, 1)
        }
        guard count > 0 else {
            ERR_clear_error()
            return "?"
        }
        return String(decoding: text.prefix(min(Int(count), text.count - 1)), as: UTF8.self)
    }

    private static func value(_ string: UnsafeMutablePointer<ASN1_STRING>?) -> String {
        var bytes: UnsafeMutablePointer<UInt8>?
        let count = ASN1_STRING_to_UTF8(&bytes, string)
        guard count >= 0, let bytes else {
            ERR_clear_error()
            guard let string, let start = string.pointee.data else { return "" }
            return "#" + Hex.encode(Array(UnsafeBufferPointer(start: start, count: Int(string.pointee.length))))
        }
        defer { CRYPTO_free(bytes, #file, #line) }
        return escape(Array(UnsafeBufferPointer(start: bytes, count: Int(count))))
    }

    /// Source: RFC 4514, section 2.4, which also escapes line ends and control characters.
    private static func escape(_ text: [UInt8]) -> String {
        let blank = UInt8(ascii: " ")
        let leading = text.prefix { $0 == blank || $0 == UInt8(ascii: "#") }.count
        let trailing = text.dropFirst(leading).reversed().prefix { $0 == blank }.count
        var escaped: [UInt8] = []
        for (index, byte) in text.enumerated() {
            if index < leading || index >= text.count - trailing || Array(",+\"\\<>;".utf8).contains(byte) {
                escaped += [UInt8(ascii: "\\"), byte]
            } else if byte < 0x20 || byte == 0x7F {
                escaped += [UInt8(ascii: "\\")] + Hex.encodeUTF8([byte])
            } else {
                escaped.append(byte)
            }
        }
        return String(decoding: escaped, as: UTF8.self)
    }
}
