import Bytes
import COpenSSL
import Glibc

/// The documents in an operator's PEM file, read by OpenSSL, which allows other tools' long lines and trailing blanks, and
/// RFC 1421's headers.
///
/// Untrusted PEM is read by ``PEMDocument``, strictly.
struct PEMFile {
    struct Document {
        let label: String
        let isEncrypted: Bool
        /// A secret, as it may be a key.
        let der: Secret
    }

    let documents: [Document]
    /// Whether a document is truncated or malformed.
    let isBroken: Bool
    /// The form of a file that is not PEM, with the remedy.
    let hint: String?

    init(_ file: UnsafeRawBufferPointer, _ kind: Kind) {
        if Self.byteOrderMarks.contains(where: { file.starts(with: $0) }) {
            // OpenSSL skips one of them; other programs that read the file do not.
            (documents, isBroken) = ([], false)
            hint = "it begins with a byte order mark: save it as plain text"
            return
        }
        var documents: [Document] = []
        var isBroken = false
        if let source = BIO_new_mem_buf(
            file.baseAddress ?? UnsafeRawPointer(bitPattern: 1), Int32(clamping: file.count))
        {
            defer { BIO_free(source) }
            reading: while true {
                switch Self.next(source) {
                case .document(let document): documents.append(document)
                case .end: break reading
                case .broken:
                    isBroken = true
                    break reading
                }
            }
        }
        ERR_clear_error()
        self.documents = documents
        self.isBroken = isBroken
        hint = documents.isEmpty && !isBroken ? Self.hint(file, kind) : nil
    }

    private static let byteOrderMarks: [[UInt8]] = [[0xEF, 0xBB, 0xBF], [0xFF, 0xFE], [0xFE, 0xFF]]

    /// The expected contents.
    enum Kind { case certificates, key }

    private enum Step { case document(Document), end, broken }

    private static func next(_ source: OpaquePointer) -> Step {
        var (label, header): (UnsafeMutablePointer<CChar>?, UnsafeMutablePointer<CChar>?)
        var bytes: UnsafeMutablePointer<UInt8>?
        var count = 0
        ERR_clear_error()
        guard PEM_read_bio(source, &label, &header, &bytes, &count) == 1, let label, let header, let bytes else {
            let error = ERR_peek_last_error()
            return ERR_GET_REASON(error) == PEM_R_NO_START_LINE ? .end : .broken
        }
        defer {
            CRYPTO_free(label, #file, #line)
            CRYPTO_free(header, #file, #line)
            CRYPTO_clear_free(bytes, count, #file, #line)
        }
        let name = String(cString: label)
        return .document(
            Document(
                label: name,
                isEncrypted: name == "ENCRYPTED PRIVATE KEY" || strstr(header, "ENCRYPTED") != nil,
                der: Secret(UnsafeBufferPointer(start: bytes, count: count))))
    }

    /// "1 certificate and 1 private key".
    var contents: String {
        var counts: [(label: String, count: Int)] = []
        for document in documents {
            if let index = counts.firstIndex(where: { $0.label == document.label }) {
                counts[index].count += 1
            } else {
                counts.append((document.label, 1))
            }
        }
        let parts = counts.map { "\($0.count) \(Self.noun($0.label))\($0.count == 1 ? "" : "s")" }
        return parts.joined(separator: " and ")
    }

    private static func noun(_ label: String) -> String {
        switch label {
        case "CERTIFICATE": "certificate"
        case "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST": "certificate request"
        case "PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY": "private key"
        case "ENCRYPTED PRIVATE KEY": "encrypted private key"
        case "PUBLIC KEY", "RSA PUBLIC KEY": "public key"
        default: "\"\(label)\""
        }
    }

    /// - Returns: the end of a sentence; nil for an unknown form.
    private static func hint(_ file: UnsafeRawBufferPointer, _ kind: Kind) -> String? {
        let command = kind == .key ? "openssl pkey" : "openssl x509"
        if file.isEmpty { return "it is empty" }
        if isPKCS12(file) { return "it is a PKCS #12 store: openssl pkcs12 -in FILE -noenc" }
        // A SEQUENCE with a long length.
        if file.count > 64, file[0] == 0x30, file[1] & 0x80 != 0 {
            return "it is DER: \(command) -inform der -in FILE -out FILE.pem"
        }
        return nil
    }

    /// PFX begins with version 3. Source: RFC 7292, section 4.
    private static func isPKCS12(_ file: UnsafeRawBufferPointer) -> Bool {
        guard file.count > 64, file[0] == 0x30, file[1] & 0x80 != 0 else { return false }
        let start = 2 + Int(file[1] & 0x7F)
        return start + 3 <= file.count && file[start..<(start + 3)].elementsEqual([0x02, 0x01, 0x03])
    }
}

extension X509Certificate {
    /// The certificates in a PEM file, at least one, in order.
    ///
    /// - Parameter name: the file's name in errors.
    /// - Throws: ``CertificateError``, with the file's actual form.
    public static func read(pem file: [UInt8], named name: String) throws(CertificateError) -> [X509Certificate] {
        let file = file.withUnsafeBytes { PEMFile($0, .certificates) }
        let found = file.documents.filter { ["CERTIFICATE", "X509 CERTIFICATE"].contains($0.label) }
        guard !file.isBroken else { throw CertificateError("\(name) has a certificate that is cut short or is none") }
        guard !found.isEmpty else {
            let instead = file.hint ?? (file.documents.isEmpty ? nil : "it holds \(file.contents)")
            throw CertificateError("\(name) holds no certificate in PEM" + (instead.map { ": \($0)" } ?? ""))
        }
        var certificates: [X509Certificate] = []
        for document in found {
            do {
                certificates.append(try X509Certificate(der: document.der.withBytes { Array($0) }))
            } catch {
                throw CertificateError("\(name) has a certificate that is cut short or is none")
            }
        }
        return certificates
    }
}
