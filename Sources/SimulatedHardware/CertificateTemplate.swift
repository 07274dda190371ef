import Crypto
import CryptoExtras
import Evidence
import Foundation
import SwiftASN1

/// An X.509 certificate that the simulator is about to sign, with everything settable that a
/// verifier must look at.
struct CertificateTemplate {
    var subject: String
    var issuer: String
    /// SubjectPublicKeyInfo, DER.
    var publicKeyInfo: Data
    var notBefore: Date
    var notAfter: Date
    /// Values by object identifier, each DER or whatever the vendor puts there.
    var extensions: [(ASN1ObjectIdentifier, [UInt8])] = []

    /// Signs with RSASSA-PSS, SHA-384, a salt of 48 bytes, as AMD does.
    func signed(by key: _RSA.Signing.PrivateKey) throws -> Evidence.Certificate {
        var body = DER.Serializer()
        try body.sequence { tbs in
            try tbs.explicit(0) { try $0.serialize(2) }
            try tbs.serialize(0)
            try tbs.pssAlgorithm()
            try tbs.name(issuer)
            try tbs.sequence { validity in
                try validity.serialize(Self.utc(notBefore))
                try validity.serialize(Self.utc(notAfter))
            }
            try tbs.name(subject)
            tbs.serializeRawBytes(publicKeyInfo)
            guard !extensions.isEmpty else { return }
            try tbs.explicit(3) { outer in
                try outer.sequence { list in
                    for (identifier, value) in extensions {
                        try list.sequence { entry in
                            try entry.serialize(identifier)
                            try entry.serialize(ASN1OctetString(contentBytes: value[...]))
                        }
                    }
                }
            }
        }
        let toBeSigned = body.serializedBytes
        let signature = try key.signature(for: SHA384.hash(data: toBeSigned), padding: .PSS)
        var whole = DER.Serializer()
        try whole.sequence { certificate in
            certificate.serializeRawBytes(toBeSigned)
            try certificate.pssAlgorithm()
            try certificate.serialize(ASN1BitString(bytes: Array(signature.rawRepresentation)[...]))
        }
        return try Evidence.Certificate(der: whole.serializedBytes)
    }

    private static func utc(_ date: Date) throws -> UTCTime {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        let parts = calendar.dateComponents([.year, .month, .day, .hour, .minute, .second], from: date)
        return try UTCTime(
            year: parts.year ?? 0, month: parts.month ?? 0, day: parts.day ?? 0, hours: parts.hour ?? 0,
            minutes: parts.minute ?? 0, seconds: parts.second ?? 0)
    }
}

extension DER.Serializer {
    fileprivate mutating func sequence(_ body: (inout DER.Serializer) throws -> Void) throws {
        try appendConstructedNode(identifier: .sequence, body)
    }

    fileprivate mutating func explicit(_ tag: UInt, _ body: (inout DER.Serializer) throws -> Void) throws {
        try appendConstructedNode(
            identifier: ASN1Identifier(tagWithNumber: tag, tagClass: .contextSpecific), body)
    }

    fileprivate mutating func name(_ commonName: String) throws {
        try sequence { names in
            try names.appendConstructedNode(identifier: .set) { set in
                try set.sequence { attribute in
                    try attribute.serialize([2, 5, 4, 3] as ASN1ObjectIdentifier)
                    try attribute.serialize(ASN1UTF8String(commonName))
                }
            }
        }
    }

    /// AlgorithmIdentifier of RSASSA-PSS with SHA-384 twice and a salt of 48. Source: RFC 4055.
    fileprivate mutating func pssAlgorithm() throws {
        let sha384: ASN1ObjectIdentifier = [2, 16, 840, 1, 101, 3, 4, 2, 2]
        try sequence { algorithm in
            try algorithm.serialize([1, 2, 840, 113549, 1, 1, 10] as ASN1ObjectIdentifier)
            try algorithm.sequence { parameters in
                try parameters.explicit(0) { try $0.sequence { try $0.serialize(sha384) } }
                try parameters.explicit(1) { mask in
                    try mask.sequence { function in
                        try function.serialize([1, 2, 840, 113549, 1, 1, 8] as ASN1ObjectIdentifier)
                        try function.sequence { try $0.serialize(sha384) }
                    }
                }
                try parameters.explicit(2) { try $0.serialize(48) }
            }
        }
    }
}
