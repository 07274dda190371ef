import Evidence
import FuzzSupport

/// Any bytes as a certificate or a PEM file: it is read or refused, and signed by nobody who is not its issuer.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = Depth.bytes(start, count)
    let certificates = ((try? Certificate.read(file: bytes)) ?? []) + [try? Certificate(der: bytes)].compactMap { $0 }
    for certificate in certificates {
        Depth.reached("a certificate")
        if certificate.isSigned(by: certificate) { Depth.reached("a certificate that signed itself") }
        _ = certificate.publicKeyFingerprint
        precondition((try? Certificate.read(file: Array(certificate.pem.utf8))) == [certificate])
        guard let key = try? EndorsementKey(certificate) else { continue }
        Depth.reached("an endorsement key")
        for chain in SNPAnchors.amd.chains(of: [key], among: certificates) {
            Depth.reached("a chain")
            precondition(!chain.isGenuine)
        }
    }
    return 0
}
