public import Bytes
import Crypto
import Formats

/// The certificate of the key that signs reports: a VCEK (one chip at one TCB) or a VLEK (one
/// cloud provider at one TCB).
///
/// Source: AMD 57230, "VCEK Certificate Format" and "VLEK Certificate Format".
public struct EndorsementKey: Sendable {
    public enum Kind: String, Sendable, Hashable, CaseIterable, Codable { case vcek, vlek }

    public let certificate: Certificate
    public let kind: Kind
    public let product: Product
    public let tcb: TCBVersion
    /// The chip, 64 bytes (Turin: 8); `nil` for a VLEK.
    public let hardwareID: [UInt8]?
    /// The cloud provider that a VLEK was made for, e.g. `CN=cc-us-east-2.amazonaws.com`. A VCEK states none.
    public let cspID: ExactText?
    let publicKey: P384.Signing.PublicKey

    /// Parses AMD's extensions.
    ///
    /// - Throws: ``MalformedInput`` if one is missing or out of range, or if the key is not P-384.
    public init(_ certificate: Certificate) throws(MalformedInput) {
        let fields = Fields(certificate: certificate)
        self.certificate = certificate
        switch certificate.commonName {
        case "SEV-VCEK": kind = .vcek
        case "SEV-VLEK": kind = .vlek
        default:
            throw MalformedInput(
                Fields.subject, "its common name is \"\(certificate.commonName.prefix(64))\", not SEV-VCEK or SEV-VLEK")
        }
        guard let product = Product(name: try fields.productName()) else {
            throw MalformedInput(Fields.subject, "its product is none of Milan, Genoa and Turin")
        }
        self.product = product
        tcb = TCBVersion(
            fmc: product == .turin ? try fields.level(9) : nil, bootLoader: try fields.level(1),
            tee: try fields.level(2), snp: try fields.level(3), microcode: try fields.level(8))
        hardwareID = kind == .vcek ? try fields.hardwareID(length: product.chipIDLength) : nil
        cspID = kind == .vlek ? fields.cspID : nil
        do {
            publicKey = try P384.Signing.PublicKey(derRepresentation: certificate.publicKeyInfo)
        } catch {
            throw MalformedInput(Fields.subject, "its key is not a P-384 key")
        }
    }

    /// AMD's extensions, under 1.3.6.1.4.1.3704.1.
    private struct Fields {
        static let subject = "endorsement key certificate"
        static let prefix: [UInt64] = [1, 3, 6, 1, 4, 1, 3704, 1]
        let certificate: Certificate

        func value(_ suffix: UInt64...) throws(MalformedInput) -> [UInt8] { try value(OID(Self.prefix + suffix)) }

        func value(_ name: OID) throws(MalformedInput) -> [UInt8] {
            guard let value = certificate.extensions[name] else {
                throw MalformedInput(Self.subject, "the extension \(name) is missing")
            }
            return value
        }

        /// A security patch level: INTEGER, 0–255.
        func level(_ component: UInt64) throws(MalformedInput) -> UInt8 {
            let name = OID(Self.prefix + [3, component])
            let value = try value(name)
            guard let level = try? DERElement(value, subject: Self.subject).integer(), let byte = UInt8(exactly: level)
            else {
                throw MalformedInput(Self.subject, "the extension \(name) is not a number of 0 to 255")
            }
            return byte
        }

        func productName() throws(MalformedInput) -> String {
            let value = try value(2)
            guard let text = try? DERElement(value, subject: Self.subject).text(.ia5String) else {
                throw MalformedInput(Self.subject, "its product name is not text")
            }
            return text
        }

        /// The cloud provider; `nil` if missing or unreadable, so that no rule over it is met.
        var cspID: ExactText? {
            guard let value = try? value(5), let element = try? DERElement(value, subject: Self.subject),
                let text = (try? element.text(.ia5String)) ?? (try? element.text(.utf8String))
            else { return nil }
            return ExactText(text)
        }

        func hardwareID(length: Int) throws(MalformedInput) -> [UInt8] {
            let value = try value(4)
            if value.count == length { return value }
            // KDS wraps newer hardware ids in an OCTET STRING; Milan's first certificates hold them bare.
            if let wrapped = try? DERElement(value, subject: Self.subject).octetString(), wrapped.count == length {
                return wrapped
            }
            throw MalformedInput(Self.subject, "its hardware id does not have \(length) bytes")
        }
    }
}
