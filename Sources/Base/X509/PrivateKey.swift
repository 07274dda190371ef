public import Bytes
import COpenSSL
import Formats
import Glibc

/// A private key for TLS, of a kind that libssl knows. It cannot be printed.
public struct PrivateKey: Sendable {
    private let object: KeyObject

    /// Reads the first private key in a PEM file. One with a passphrase is refused; nobody is asked for it.
    ///
    /// - Parameter name: how the file is called in an error.
    /// - Throws: ``CertificateError`` that says what the file is instead.
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

    /// A new key on P-256: for TLS the cheapest that everybody takes.
    public static func makeP256() throws(CertificateError) -> PrivateKey {
        try make("EC") { EVP_PKEY_CTX_set_group_name($0, "P-256") == 1 }
    }

    /// A new RSA key.
    public static func makeRSA(bits: Int) throws(CertificateError) -> PrivateKey {
        try make("RSA") { EVP_PKEY_CTX_set_rsa_keygen_bits($0, Int32(clamping: bits)) == 1 }
    }

    private static func make(_ type: String, _ configure: (OpaquePointer) -> Bool) throws(CertificateError)
        -> PrivateKey
    {
        let context = EVP_PKEY_CTX_new_from_name(nil, type, nil)
        defer { EVP_PKEY_CTX_free(context) }
        var key: OpaquePointer?
        guard let context, EVP_PKEY_keygen_init(context) == 1, configure(context),
            EVP_PKEY_generate(context, &key) == 1, let key
        else { throw CertificateError(afterCall: "libcrypto cannot make a key of type \(type)") }
        return PrivateKey(object: KeyObject(owning: key))
    }

    private init(object: KeyObject) { self.object = object }

    /// Libcrypto's key (EVP_PKEY), for as long as `body` runs.
    package func withPointer<Result>(_ body: (OpaquePointer) -> Result) -> Result {
        withExtendedLifetime(object) { body(object.pointer) }
    }

    /// PKCS #8 in PEM, without a passphrase.
    public func pem() throws(CertificateError) -> Secret {
        // Its memory is wiped when it is freed.
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

    /// The SubjectPublicKeyInfo's DER of its public part.
    var publicKeyInfo: [UInt8] {
        withPointer { key in
            var bytes: UnsafeMutablePointer<UInt8>?
            let count = i2d_PUBKEY(key, &bytes)
            guard count > 0, let bytes else {
                ERR_clear_error()
                return []
            }
            defer { CRYPTO_free(bytes, #file, #line) }
            return Array(UnsafeBufferPointer(start: bytes, count: Int(count)))
        }
    }

    /// Whether it is the private part of a certificate's key.
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

/// Owns libcrypto's key (EVP_PKEY), which wipes its private numbers when it is freed and serves any number of threads.
private final class KeyObject: @unchecked Sendable {
    let pointer: OpaquePointer

    init(owning pointer: OpaquePointer) { self.pointer = pointer }

    deinit { EVP_PKEY_free(pointer) }
}
