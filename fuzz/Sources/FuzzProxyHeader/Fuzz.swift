import FuzzSupport
import HTTP

/// Any bytes as the PROXY protocol's header, and as `X-Forwarded-For`: what is read says one address, however it came.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = Depth.bytes(start, count)
    readHeader(bytes)
    readForwarded(bytes)
    return 0
}

private func readHeader(_ bytes: [UInt8]) {
    // As a connection reads it: 16 bytes, then as many as they say.
    guard let length = try? ProxyHeader.length(Array(bytes.prefix(ProxyHeader.fixedLength))) else {
        precondition((try? ProxyHeader(bytes)) == nil)
        return
    }
    precondition((ProxyHeader.fixedLength...ProxyHeader.fixedLength + 2_048).contains(length))
    Depth.reached("a header's length")
    guard bytes.count >= length, let header = try? ProxyHeader(Array(bytes.prefix(length))) else { return }
    Depth.reached(header == .local ? "the balancer itself" : "a client")
    precondition((try? ProxyHeader(bytes)) == (bytes.count == length ? header : nil))
}

private func readForwarded(_ bytes: [UInt8]) {
    guard let text = String(validating: bytes.prefix(512), as: UTF8.self),
        let trusted = try? NetworkList("192.0.2.0/24, 2001:db8::/32"), let peer = IPAddress("192.0.2.1")
    else { return }
    var fields = HTTPFields()
    fields[.xForwardedFor] = text
    guard let caller = try? ForwardedFor.caller(of: fields, from: peer, trusting: trusted) else { return }
    Depth.reached(caller == peer ? "the proxy" : "a caller behind it")
    // From anybody else the field counts for nothing.
    let stranger = IPAddress("198.51.100.1")
    precondition((try? ForwardedFor.caller(of: fields, from: stranger, trusting: trusted)) == stranger)
}
