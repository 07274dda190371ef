import Bytes
import Formats
import FoundationEssentials

/// Reads a certificate's parts.
extension Certificate {
    private static let name = "X.509 certificate"

    mutating func read() throws(MalformedInput) {
        var fields = try DERElement(der, subject: Self.name).fields()
        let body = try fields.next("the body")
        toBeSigned = body.encoded
        let algorithm = try readBody(body)
        // RFC 5280, 4.1.1.2: the signed copy of the algorithm and the outer one must agree. Compared as bytes, so that
        // a signed body makes one certificate.
        guard try fields.next("the signature algorithm").encoded == algorithm.encoded else {
            throw MalformedInput(Self.name, "its two signature algorithms differ")
        }
        signature = try fields.next("the signature").wholeBitString()
        try fields.finish()
    }

    /// - Returns: the signed copy of the signature algorithm.
    private mutating func readBody(_ body: DERElement) throws(MalformedInput) -> DERElement {
        var fields = try body.fields()
        guard try fields.optionalExplicit(0)?.integer() == 2 else {
            throw MalformedInput(Self.name, "it is not of version 3")
        }
        // The serial number may be zero or negative in the field; nothing depends on it.
        _ = try fields.next("the serial number")
        let algorithm = try fields.next("the signature algorithm")
        signatureAlgorithm = try Self.algorithm(algorithm)
        issuer = try fields.next("the issuer").encoded
        var times = try fields.next("the validity").fields()
        (notBefore, notAfter) = (try times.next("notBefore").time(), try times.next("notAfter").time())
        try times.finish()
        let name = try fields.next("the subject")
        subject = name.encoded
        commonName = try Self.commonName(name)
        publicKeyInfo = try fields.next("the public key").encoded
        // Unique identifiers, which say nothing here.
        _ = try fields.optional(.primitive(1))
        _ = try fields.optional(.primitive(2))
        if let list = try fields.optionalExplicit(3) { try readExtensions(list) }
        try fields.finish()
        return algorithm
    }

    private mutating func readExtensions(_ list: DERElement) throws(MalformedInput) {
        var entries = try list.fields()
        while !entries.isAtEnd {
            var fields = try entries.next("an extension").fields()
            let identifier = try fields.next("an extension's identifier").objectIdentifier()
            _ = try fields.flag()
            let value = try fields.next("an extension's value").octetString()
            try fields.finish()
            guard extensions.updateValue(value, forKey: identifier) == nil else {
                throw MalformedInput(Self.name, "the extension \(identifier) occurs twice")
            }
        }
    }

    /// The common name (2.5.4.3) of a distinguished name.
    private static func commonName(_ name: DERElement) throws(MalformedInput) -> String {
        var found = ""
        var relativeNames = try name.fields()
        while !relativeNames.isAtEnd {
            var attributes = try relativeNames.next("a relative name").fields(.set)
            while !attributes.isAtEnd {
                var fields = try attributes.next("an attribute").fields()
                let type = try fields.next("an attribute's type").objectIdentifier()
                let value = try fields.next("an attribute's value")
                try fields.finish()
                if type == [2, 5, 4, 3], !value.tag.isConstructed { found = printable(value.contents) }
            }
        }
        return found
    }

    /// The name goes into logs and onto terminals before anyone has signed for it.
    private static func printable(_ text: [UInt8]) -> String {
        String(decoding: text.prefix(64).map { (0x20..<0x7F).contains($0) ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
    }

    /// AlgorithmIdentifier; RSASSA-PSS parameters are RFC 4055, section 3.1.
    private static func algorithm(_ element: DERElement) throws(MalformedInput) -> SignatureAlgorithm {
        var fields = try element.fields()
        let identifier = try fields.next("an algorithm").objectIdentifier()
        let parameters = fields.isAtEnd ? nil : try fields.next("its parameters")
        try fields.finish()
        guard identifier == rsassaPSS, let parameters else { return .other("\(identifier)") }
        var inner = try parameters.fields()
        let hash = try inner.optionalExplicit(0).map { element throws(MalformedInput) in try self.hash(element) }
        let mask = try inner.optionalExplicit(1).flatMap { element throws(MalformedInput) in try self.mask(element) }
        let salt = try inner.optionalExplicit(2)?.integer()
        if let trailer = try inner.optionalExplicit(3), try trailer.integer() != 1 {
            throw MalformedInput(name, "its RSASSA-PSS trailer is unknown")
        }
        try inner.finish()
        guard hash == sha384, mask == sha384, salt == 48 else {
            return .other("RSASSA-PSS with other parameters than SHA-384 and a salt of 48")
        }
        return .pssSHA384
    }

    private static func hash(_ element: DERElement) throws(MalformedInput) -> OID {
        var fields = try element.fields()
        let identifier = try fields.next("a hash function").objectIdentifier()
        // NULL or absent: both are written.
        try fields.optional(.null)?.null()
        try fields.finish()
        return identifier
    }

    /// - Returns: the hash function of MGF1; nil for another mask.
    private static func mask(_ element: DERElement) throws(MalformedInput) -> OID? {
        var fields = try element.fields()
        let function = try fields.next("a mask").objectIdentifier()
        let hash = try hash(try fields.next("the mask's hash function"))
        try fields.finish()
        return function == mgf1 ? hash : nil
    }

    private static let rsassaPSS: OID = [1, 2, 840, 113549, 1, 1, 10]
    private static let mgf1: OID = [1, 2, 840, 113549, 1, 1, 8]
    private static let sha384: OID = [2, 16, 840, 1, 101, 3, 4, 2, 2]
}
