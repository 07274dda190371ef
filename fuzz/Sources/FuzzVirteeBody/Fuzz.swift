import Broker
import FuzzSupport
import VirteeDialect

/// Any bytes as the body of any call of the virtee protocol: it is read or refused with a sentence.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let json = Depth.bytes(start, count)
    attempt("an answer") { _ = try VirteeAnswer(json: json) }
    attempt("a request for a challenge") { _ = try ChallengeRequest(virteeJSON: json) }
    attempt("a registration") { _ = try Registration(virteeJSON: json) }
    return 0
}

private func attempt(_ name: String, _ body: () throws -> Void) {
    do {
        try body()
        Depth.reached(name)
    } catch {
        // Anything else would reach the guest as a failure of the server.
        precondition(error is Refusal)
    }
}
