import Formats
import FuzzSupport

/// Any bytes as DER: they are refused, or every element in them is read, and written again as it was.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = Depth.bytes(start, count)
    guard let whole = try? DERElement(bytes, subject: "input") else { return 0 }
    Depth.reached("read")
    precondition(whole.encoded == bytes)
    var open = [whole]
    while let element = open.popLast() {
        var writer = DERWriter()
        writer.primitive(element.tag, element.contents)
        precondition(writer.bytes == element.encoded)
        look(element)
        guard element.tag.isConstructed else { continue }
        do {
            var fields = try element.fields(element.tag)
            while !fields.isAtEnd { open.append(try fields.next("an element")) }
        } catch { preconditionFailure("it was checked, and now it is not read: \(error)") }
    }
    return 0
}

private func look(_ element: DERElement) {
    func isSame(_ write: (inout DERWriter) -> Void) -> Bool {
        var writer = DERWriter()
        write(&writer)
        return writer.bytes == element.encoded
    }
    if let value = try? element.integer() { precondition(isSame { $0.integer(value) }) }
    if let value = try? element.magnitude() { precondition(isSame { $0.integer(magnitude: value) }) }
    if let value = try? element.boolean() { precondition(isSame { $0.boolean(value) }) }
    if let value = try? element.objectIdentifier() {
        Depth.reached("an object identifier")
        precondition(isSame { $0.objectIdentifier(OID(value.components)) })
    }
    if let (bytes, unused) = try? element.bitString() {
        precondition(isSame { $0.bitString(bytes, unusedBits: UInt8(unused)) })
    }
    if (try? element.time()) != nil { Depth.reached("a time") }
    for tag: DERTag in [.utf8String, .printableString, .ia5String] { _ = try? element.text(tag) }
}
