import Broker
import CoCoDialect
import Evidence
import FuzzSupport

/// Any bytes as a body of `POST /auth` and `POST /attest` of Confidential Containers' guests, or as evidence that was kept.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let json = Depth.bytes(start, count)
    if CoCoDialect.greeting(in: json) != nil { Depth.reached("a body that speaks this dialect") }
    if CoCoDialect.attests(json) { Depth.reached("a body with evidence") }
    do throws(Refusal) {
        let recorded = try RecordedAttestation(json: json)
        Depth.reached(recorded.reportData == nil ? "evidence alone" : "a whole body")
        if !recorded.evidence.certificates.isEmpty { Depth.reached("certificates") }
    } catch {
        precondition(!error.sentence.isEmpty && error.sentence.utf8.count < 1_024)
    }
    return 0
}
