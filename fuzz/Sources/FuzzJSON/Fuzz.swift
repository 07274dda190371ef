import Broker
import Foundation
import VirteeDialect

/// Any bytes as the body of any call: it is read or refused with a sentence.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let json = Data(UnsafeBufferPointer(start: start, count: count))
    attempt { _ = try Answer(virteeJSON: json) }
    attempt { _ = try ChallengeRequest(virteeJSON: json) }
    attempt { _ = try Registration(virteeJSON: json) }
    return 0
}

private func attempt(_ body: () throws -> Void) {
    do {
        try body()
    } catch {
        // Anything else would reach the guest as a failure of the server.
        precondition(error is Refusal)
    }
}
