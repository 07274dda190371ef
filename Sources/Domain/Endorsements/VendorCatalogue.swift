public import Broker
import Bytes
public import Evidence

/// A vendor's part of fetching a document over HTTP: its path, and the parsing of the answer.
public protocol VendorCatalogue: Sendable {
    /// The path and query of a document at the service.
    ///
    /// - Returns: `nil` for a document of another vendor.
    /// - Throws: ``EndorsementUnavailable`` for a document that the vendor does not publish.
    func path(of name: EndorsementName) throws(EndorsementUnavailable) -> String?

    /// Parses an answer, without verifying it.
    func document(_ name: EndorsementName, in body: [UInt8]) throws -> EndorsementDocument
}

/// The answer holds another document than the requested one. Repeating the request would not help.
public struct UnexpectedAnswer: Error, Sendable {
    /// The end of a sentence after "sent", at most 40 characters.
    let reason: String
    let detail: String?
}

/// AMD's Key Distribution Service (KDS). Source: AMD 57230, chapter 4.
public struct AMDCatalogue: VendorCatalogue {
    public init() {}

    public func path(of name: EndorsementName) throws(EndorsementUnavailable) -> String? {
        switch AMDDocument(name) {
        case .key(let identity):
            guard identity.kind == .vcek, let chip = identity.hardwareID else {
                throw EndorsementUnavailable("AMD gives no VLEK to third parties: the guest can send its cloud's along")
            }
            let tcb = identity.tcb
            let levels =
                (tcb.fmc.map { [("fmcSPL", $0)] } ?? []) + [
                    ("blSPL", tcb.bootLoader), ("teeSPL", tcb.tee), ("snpSPL", tcb.snp), ("ucodeSPL", tcb.microcode),
                ]
            let query = levels.map { "\($0)=\($1 < 10 ? "0" : "")\($1)" }.joined(separator: "&")
            return "/vcek/v1/\(identity.product.rawValue)/\(Hex.encode(chip))?\(query)"
        case .authority(let product, let kind): return "/\(kind.rawValue)/v1/\(product.rawValue)/cert_chain"
        case nil: return nil
        }
    }

    public func document(_ name: EndorsementName, in body: [UInt8]) throws -> EndorsementDocument {
        let certificates = try Certificate.read(file: body)
        guard let first = certificates.first else { throw UnexpectedAnswer(reason: "no certificate", detail: nil) }
        if case .key(let identity) = AMDDocument(name) {
            let sent = (try? EndorsementKey(first)).map(EndorsementIdentity.init(of:))
            guard sent == identity else {
                throw UnexpectedAnswer(reason: "another certificate than the chip's", detail: sent.map { "\($0)" })
            }
            return EndorsementDocument(first, named: name)
        }
        return EndorsementDocument(first, above: Array(certificates.dropFirst()), named: name)
    }
}
