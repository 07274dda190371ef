import Bytes
import Crypto
import Evidence
import Formats
import FoundationEssentials

/// An unsigned X.509 certificate of the simulator; every field that verifiers check can be set.
struct CertificateTemplate {
    var subject: String
    var issuer: String
    /// SubjectPublicKeyInfo, DER.
    var publicKeyInfo: [UInt8]
    var notBefore: Date
    var notAfter: Date
    /// Values by object identifier, each DER or the vendor's own form.
    var extensions: [(OID, [UInt8])] = []

    /// Signs with RSASSA-PSS, SHA-384, a salt of 48 bytes, as AMD does.
    func signed(by key: RSA.Signing.PrivateKey) throws -> Evidence.Certificate {
        var body = DERWriter()
        body.sequence { tbs in
            tbs.explicit(0) { $0.integer(2) }
            tbs.integer(0)
            tbs.pssAlgorithm()
            tbs.name(issuer)
            tbs.sequence { validity in
                validity.time(notBefore)
                validity.time(notAfter)
            }
            tbs.name(subject)
            tbs.encoded(publicKeyInfo)
            guard !extensions.isEmpty else { return }
            tbs.explicit(3) { outer in
                outer.sequence { list in
                    for (identifier, value) in extensions {
                        list.sequence { entry in
                            entry.objectIdentifier(identifier)
                            entry.octetString(value)
                        }
                    }
                }
            }
        }
        let signature = try key.signature(for: SHA384.hash(data: body.bytes), padding: .PSS)
        var whole = DERWriter()
        whole.sequence { certificate in
            certificate.encoded(body.bytes)
            certificate.pssAlgorithm()
            certificate.bitString(signature.rawRepresentation)
        }
        return try Evidence.Certificate(der: whole.bytes)
    }
}

extension DERWriter {
    fileprivate mutating func name(_ commonName: String) {
        sequence { names in
            names.set { set in
                set.sequence { attribute in
                    attribute.objectIdentifier([2, 5, 4, 3])
                    attribute.text(.utf8String, commonName)
                }
            }
        }
    }

    /// AlgorithmIdentifier of RSASSA-PSS with SHA-384 twice and a salt of 48. Source: RFC 4055.
    fileprivate mutating func pssAlgorithm() {
        let sha384: OID = [2, 16, 840, 1, 101, 3, 4, 2, 2]
        sequence { algorithm in
            algorithm.objectIdentifier([1, 2, 840, 113549, 1, 1, 10])
            algorithm.sequence { parameters in
                parameters.explicit(0) { $0.sequence { $0.objectIdentifier(sha384) } }
                parameters.explicit(1) { mask in
                    mask.sequence { function in
                        function.objectIdentifier([1, 2, 840, 113549, 1, 1, 8])
                        function.sequence { $0.objectIdentifier(sha384) }
                    }
                }
                parameters.explicit(2) { $0.integer(48) }
            }
        }
    }
}
