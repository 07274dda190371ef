import Broker
import CoCoDialect
import FuzzSupport

/// Any text as init data, and as its entries: it is refused, or its digest has the length of HOST_DATA.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    guard let text = String(validating: Depth.bytes(start, count), as: UTF8.self) else { return 0 }
    for document in [text, "version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\n\(text)"] {
        guard let initData = try? Answer.InitData(document: document) else { continue }
        Depth.reached("init data")
        if !initData.claims.isEmpty { Depth.reached("init data with entries") }
        precondition(initData.digest.count == 32)
        if let agent = AgentPolicy(initData: initData.claims) {
            Depth.reached("an agent's policy")
            _ = (agent.containerImages, agent.containerUIDs)
        }
    }
    return 0
}
