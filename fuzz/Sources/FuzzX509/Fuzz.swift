import Evidence

/// Any bytes as a certificate or a PEM file: it is read or refused, and signed by nobody who is not its issuer.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    let certificates = ((try? Certificate.read(file: bytes)) ?? []) + [try? Certificate(der: bytes)].compactMap { $0 }
    for certificate in certificates {
        _ = certificate.isSigned(by: certificate)
        _ = certificate.publicKeyFingerprint
        guard let key = try? EndorsementKey(certificate) else { continue }
        if let chain = EndorsementChain(key: key, among: certificates) {
            precondition(!AppraisedChain(chain, anchors: .amd).isGenuine)
        }
    }
    return 0
}
