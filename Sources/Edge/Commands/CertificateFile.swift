import Administration
import Bytes
import Evidence
import Files

/// A document that is kept, as a file of a folder of certificates: PEM, with those above it.
struct CertificateFile {
    private let path: String
    private let contents: [UInt8]

    /// - Returns: `nil` for what is no certificate of a known name. A server may send anything: nothing of its text becomes
    ///   part of a path.
    init?(_ detail: EndorsementDetail) {
        let encoded = [detail.document] + detail.issuers
        let certificates = encoded.compactMap { Base64.decode($0).flatMap { try? Certificate(der: $0) } }
        guard let first = certificates.first, certificates.count == encoded.count else { return nil }
        let mark = Hex.encode(first.fingerprint.prefix(4))
        switch AMDDocument(EndorsementName(detail.endorsement.name)) {
        case .key(let identity):
            let folder = identity.hardwareID.map { "vcek/\(Hex.encode($0))" } ?? "vlek"
            path = "\(folder)/\(identity.product.rawValue)_\(identity.tcb)_\(mark).pem"
        case .authority(let product, let kind): path = "\(product.rawValue)_\(kind.rawValue)_\(mark).pem"
        case nil: return nil
        }
        contents = certificates.flatMap { Array($0.pem.utf8) }
    }

    /// Another file of its name is replaced.
    func write(below folder: String) throws {
        let whole = "\(folder)/\(path)"
        try Folder.make(Folder.parent(of: whole) ?? folder)
        try File.replace(whole, with: contents, mode: 0o644)
    }
}
