import Bytes
import Evidence
import FuzzSupport
import HTTP

@testable import Guest

/// Any bytes as the certificate table that a host gives its guest, and as a broker's answers to a guest: none of them trusts
/// the other side.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = Depth.bytes(start, count)
    if let table = try? HostCertificateTable(bytes) {
        Depth.reached(table.certificates.isEmpty ? "a table" : "a table with certificates")
    }
    let text = String(decoding: bytes, as: UTF8.self)
    readCookie(text)
    let shown = Handshake.printable(text)
    precondition(!shown.unicodeScalars.contains { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) })
    if (try? BrokerAddress(url: text, pins: [], authority: nil, allowsPlainHTTP: true)) != nil {
        Depth.reached("an address")
    }
    return 0
}

private func readCookie(_ text: String) {
    var fields = HTTPFields()
    fields[.setCookie] = text
    guard let session = Handshake.session(in: fields) else { return }
    Depth.reached("a cookie")
    // It goes back in a header.
    precondition(session.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: ";") })
}
