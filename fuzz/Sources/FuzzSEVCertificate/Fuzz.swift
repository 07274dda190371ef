import Evidence
import FuzzSupport

/// Any bytes as SEV's certificates: each is read or refused, and a chain of them is believed by nobody.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = Depth.bytes(start, count)
    let padded = Array((bytes + Array(repeating: 0, count: SEVCertificate.size)).prefix(SEVCertificate.size))
    guard let platform = (try? SEVCertificate(bytes: bytes)) ?? (try? SEVCertificate(bytes: padded)) else { return 0 }
    Depth.reached("a platform's certificate")
    for count in [bytes.count, 832, 576, 1_600] {
        let cut = Array((bytes + Array(repeating: 0, count: count)).prefix(count))
        guard let authority = try? SEVCACertificate(bytes: cut) else { continue }
        Depth.reached("an authority's certificate")
        let chain = SEVCertificateChain(
            ark: authority, ask: authority, cek: platform, oca: platform, pek: platform, pdh: platform)
        precondition(!AppraisedSEVChain(chain, anchors: .amd).isGenuine)
    }
    return 0
}
