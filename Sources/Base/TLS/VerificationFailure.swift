import COpenSSL
import X509

/// Explains a refused certificate.
struct VerificationFailure {
    let isServer: Bool
    /// OpenSSL's security level.
    let level: Int32

    static func weak(_ level: Int32) -> String {
        "a key or digest is too weak for this system's security level \(level), such as RSA under 2,048 bits or SHA-1"
    }

    /// - Parameters:
    ///   - verdict: an X509_V_ERR number.
    ///   - certificate: the other side's.
    func sentence(_ verdict: Int32, _ certificate: X509Certificate?) -> String {
        let whose = isServer ? "the client's certificate" : "its certificate"
        let issuer = certificate.map { " (\($0.issuer))" } ?? ""
        switch verdict {
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
            X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_CERT_UNTRUSTED:
            return "\(whose) is from an authority that is not trusted here\(issuer)"
        case X509_V_ERR_CERT_HAS_EXPIRED: return "\(whose) has expired, or this machine's clock is wrong"
        case X509_V_ERR_CERT_NOT_YET_VALID: return "\(whose) is not valid yet, or this machine's clock is wrong"
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH:
            let names = certificate?.alternativeNames.compactMap(\.hostText) ?? []
            let list = names.isEmpty ? "no name at all" : names.prefix(10).joined(separator: ", ")
            return "\(whose) is for \(list), not for the name that was called"
        case X509_V_ERR_INVALID_PURPOSE:
            return "\(whose) is for another use: \(isServer ? "it is not for clients" : "it is not for servers")"
        case X509_V_ERR_CERT_SIGNATURE_FAILURE: return "a signature in the chain of \(whose) is wrong"
        case X509_V_ERR_EE_KEY_TOO_SMALL, X509_V_ERR_CA_KEY_TOO_SMALL, X509_V_ERR_CA_MD_TOO_WEAK:
            return "\(whose): \(Self.weak(level))"
        case X509_V_ERR_INVALID_CA, X509_V_ERR_PATH_LENGTH_EXCEEDED, X509_V_ERR_INVALID_NON_CA:
            return "the chain of \(whose) has an issuer that is not an authority"
        default: return "\(whose) was refused (reason \(verdict))"
        }
    }
}
