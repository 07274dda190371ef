public import Bytes
import COpenSSL
import Crypto
import Formats
import Glibc

/// A private key for TLS, of a type that libssl supports. It is not printable.
public struct PrivateKey: Sendable {
    private let object: KeyObject

    /// Reads the first private key in a PEM file, which must not be encrypted.
    ///
    /// - Parameter name: the file's name in errors.
    /// - Throws: ``CertificateError``, with the file's actual form.
    public init(pem file: Secret, named name: String) throws(CertificateError) {
        let file = file.withBytes { PEMFile($0, .key) }
        let key = file.documents.first { $0.label.hasSuffix("PRIVATE KEY") }
        if let key, key.isEncrypted {
            throw CertificateError(
                "\(name) is encrypted: openssl pkey -in FILE -out FILE.pem takes the passphrase away")
        }
        let problem = "\(name) does not hold a whole private key in PEM"
        guard let key else {
            var instead = file.isBroken ? "it is cut short" : file.hint
            if instead == nil, !file.documents.isEmpty { instead = "it holds \(file.contents) and no key" }
            throw CertificateError(problem + (instead.map { ": \($0)" } ?? ""))
        }
        guard key.label != "OPENSSH PRIVATE KEY" else {
            throw CertificateError("\(problem): it holds an OpenSSH key; ssh-keygen -p -m pkcs8 -f FILE rewrites it")
        }
        let decoded = key.der.withBytes { bytes -> OpaquePointer? in
            var position = bytes.bindMemory(to: UInt8.self).baseAddress
            return d2i_AutoPrivateKey(nil, &position, bytes.count)
        }
        guard let decoded else { throw CertificateError(afterCall: "\(problem): what it holds is damaged") }
        ERR_clear_error()
        object = KeyObject(owning: decoded)
    }

    /// A new key on P-256, the cheapest that every TLS client supports.
    public static func makeP256() throws(CertificateError) -> PrivateKey {
        try make("EC") { EVP_PKEY_CTX_set_group_name($0, "P-256") == 1 }
    }

    /// A new RSA key.
    public static func makeRSA(bits: Int) throws(CertificateError) -> PrivateKey {
        try make("RSA") { EVP_PKEY_CTX_set_rsa_keygen_bits($0, Int32(clamping: bits)) == 1 }
    }

    private static func make(
        _ type: String, _ configure: (OpaquePointer) -> Bool
    ) throws(CertificateError) -> PrivateKey {
        guard let object = KeyObject.generate(type, configure) else {
            throw CertificateError("libcrypto cannot make a key of type \(type)")
        }
        return PrivateKey(object: object)
    }

    private init(object: KeyObject) { self.object = object }

    /// Calls `body` with libcrypto's key (EVP_PKEY).
    package func withPointer<Result>(_ body: (OpaquePointer) -> Result) -> Result {
        withExtendedLifetime(object) { body(object.pointer) }
    }

    /// PKCS #8 in PEM, without a passphrase.
    public func pem() throws(CertificateError) -> Secret {
        // Wiped when freed.
        guard let sink = BIO_new(BIO_s_secmem()) else {
            throw CertificateError(afterCall: "there is no memory for a key")
        }
        defer { BIO_free(sink) }
        let isWritten = withPointer { PEM_write_bio_PKCS8PrivateKey(sink, $0, nil, nil, 0, nil, nil) == 1 }
        var start: UnsafeMutablePointer<UInt8>?
        let count = BIO_ctrl(sink, BIO_CTRL_INFO, 0, &start)
        guard isWritten, count > 0, let start else { throw CertificateError(afterCall: "the key cannot be written") }
        return Secret(UnsafeBufferPointer(start: start, count: count))
    }

    /// The public key's SubjectPublicKeyInfo.
    var publicKeyInfo: [UInt8] { withPointer { key in encoded { i2d_PUBKEY(key, &$0) } } ?? [] }

    /// Whether it is the private key of a certificate.
    public func belongs(to certificate: X509Certificate) -> Bool {
        withPointer { key in
            certificate.withPointer { certificate in
                defer { ERR_clear_error() }
                return X509_check_private_key(certificate, key) == 1
            }
        }
    }
}

extension PrivateKey: Unprintable {
    public var description: String { "PrivateKey" }
}
