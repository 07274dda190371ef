import Broker
import CoCoDialect
import FuzzSupport

/// Any text as init data: it is refused, or its digest has the length of HOST_DATA.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    guard let text = String(validating: Depth.bytes(start, count), as: UTF8.self) else { return 0 }
    guard let initData = try? GuestAnswer.InitData(document: text) else { return 0 }
    Depth.reached("init data")
    if !initData.claims.isEmpty { Depth.reached("init data with entries") }
    precondition(initData.digest.count == 32)
    return 0
}
