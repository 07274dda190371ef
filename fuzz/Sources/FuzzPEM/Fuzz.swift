import Formats
import FuzzSupport

/// Any bytes as a PEM file: it is refused, or its documents are written and read again as the same.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    guard let documents = try? PEMDocument.read(Depth.bytes(start, count)), !documents.isEmpty else { return 0 }
    Depth.reached("a document")
    let written = documents.map(\.text).joined()
    precondition((try? PEMDocument.read(Array(written.utf8))) == documents)
    return 0
}
