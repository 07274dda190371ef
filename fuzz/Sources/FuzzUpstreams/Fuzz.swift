import Broker
import Evidence
import Formats
import FuzzSupport
import JOSE

@testable import Endorsements
@testable import OpenPolicyAgent

/// Any bytes as the answer of those whom a server asks: AMD's service, an identity provider, a policy agent.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = Depth.bytes(start, count)
    readCertificates(bytes)
    readDocuments(bytes)
    if let keys = try? VerificationKeySet(json: bytes) {
        Depth.reached(keys.keys.isEmpty ? "a set of no keys" : "a set of keys")
    }
    if OpenPolicyAgent.allows(bytes) == true { Depth.reached("an agent's yes") }
    precondition(OpenPolicyAgent.fault(of: bytes).utf8.count <= 4_000)
    return 0
}

private func readCertificates(_ bytes: [UInt8]) {
    guard let certificates = try? Certificate.read(file: bytes) else { return }
    Depth.reached(certificates.isEmpty ? "no certificate" : "certificates")
    for certificate in certificates.prefix(8) {
        guard let key = try? EndorsementKey(certificate) else { continue }
        Depth.reached("an endorsement key")
        _ = "\(EndorsementIdentity(of: key))"
        for _ in SNPAnchors.amd.chains(of: [key], among: certificates) { Depth.reached("a chain") }
    }
}

private func readDocuments(_ bytes: [UInt8]) {
    for name in [AMDDocument.authority(.milan, .vcek).name, EndorsementName("crl/any")] {
        guard let document = try? AMDCatalogue().document(name, in: bytes) else { continue }
        Depth.reached("a vendor's document")
        let trust = Trust(.vendors, denying: nil, at: .distantPast)
        precondition((try? SNPEvidence.accept(document, beside: [], trust)) == nil || !document.issuers.isEmpty)
    }
    if let json = try? JSON(bytes), let document = try? EndorsementDocument(json: json) {
        Depth.reached("a document in a file")
        let again = try? EndorsementDocument(json: JSON(document.json.encoded))
        precondition(again?.name == document.name && again?.bytes == document.bytes)
        precondition(again?.issuers == document.issuers)
    }
}
