/// A DER element's identifier: class, number, and primitive or constructed.
///
/// Source: X.690, section 8.1.2.
public struct DERTag: Hashable, Sendable {
    public enum Class: UInt8, Sendable { case universal = 0x00, application = 0x40, contextSpecific = 0x80, own = 0xC0 }

    public let tagClass: Class
    public let number: UInt32
    public let isConstructed: Bool

    public init(_ tagClass: Class, _ number: UInt32, isConstructed: Bool) {
        self.tagClass = tagClass
        self.number = number
        self.isConstructed = isConstructed
    }

    /// `[number] EXPLICIT`, and `[number] IMPLICIT` of a SEQUENCE or SET.
    public static func constructed(_ number: UInt32) -> DERTag { DERTag(.contextSpecific, number, isConstructed: true) }

    /// `[number] IMPLICIT` of a type without elements.
    public static func primitive(_ number: UInt32) -> DERTag { DERTag(.contextSpecific, number, isConstructed: false) }

    public static let boolean = universal(1)
    public static let integer = universal(2)
    public static let bitString = universal(3)
    public static let octetString = universal(4)
    public static let null = universal(5)
    public static let objectIdentifier = universal(6)
    public static let enumerated = universal(10)
    public static let utf8String = universal(12)
    public static let printableString = universal(19)
    public static let ia5String = universal(22)
    public static let utcTime = universal(23)
    public static let generalizedTime = universal(24)
    public static let sequence = universal(16)
    public static let set = universal(17)

    private static func universal(_ number: UInt32) -> DERTag {
        DERTag(.universal, number, isConstructed: isAlwaysConstructed(number))
    }

    /// Whether it is EXTERNAL, EMBEDDED PDV, SEQUENCE, SET or CHARACTER STRING: other universal types are primitive in DER.
    static func isAlwaysConstructed(_ number: UInt32) -> Bool { [8, 11, 16, 17, 29].contains(number) }
}

extension DERTag: CustomStringConvertible {
    private static let names: [UInt32: String] = [
        1: "BOOLEAN", 2: "INTEGER", 3: "BIT STRING", 4: "OCTET STRING", 5: "NULL", 6: "OBJECT IDENTIFIER",
        10: "ENUMERATED", 12: "UTF8String", 16: "SEQUENCE", 17: "SET", 19: "PrintableString", 22: "IA5String",
        23: "UTCTime", 24: "GeneralizedTime",
    ]

    /// In ASN.1: `INTEGER`, `[0]`, `[APPLICATION 1]`.
    public var description: String {
        switch tagClass {
        case .universal: Self.names[number] ?? "[UNIVERSAL \(number)]"
        case .application: "[APPLICATION \(number)]"
        case .contextSpecific: "[\(number)]"
        case .own: "[PRIVATE \(number)]"
        }
    }
}
