import Bytes
public import Broker
public import Evidence

/// What is particular to a vendor that answers over HTTP: where a document is, and how an answer is read.
public protocol VendorCatalogue: Sendable {
    /// Of a service whose address is without a path.
    ///
    /// - Returns: `nil` for what is no document of this vendor's.
    /// - Throws: ``EndorsementUnavailable`` for what it gives nobody.
    func path(of name: EndorsementName) throws(EndorsementUnavailable) -> String?

    /// Reads an answer. What is in it is not believed.
    func document(_ name: EndorsementName, in body: [UInt8]) throws -> EndorsementDocument
}

/// What came is not what was asked for. It would come again at each attestation.
public struct UnexpectedAnswer: Error, Sendable {
    /// After "sent", in at most 40 characters.
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
