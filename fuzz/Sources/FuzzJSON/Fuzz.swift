import Formats
import FuzzSupport

/// Any bytes as JSON: they are read or refused, every value can be asked for anything, and what is written is read again as
/// the same.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    guard let json = try? JSON(Depth.bytes(start, count)) else { return 0 }
    Depth.reached("read")
    ask(json)
    let value = JSONValue(json)
    let written = value.encoded
    guard let again = try? JSON(written) else { preconditionFailure("what was written is not read") }
    precondition(again.kind == json.kind)
    precondition(JSONValue(again).encoded == written)
    if (try? CanonicalJSON.text(value)) != nil { Depth.reached("canonical") }
    return 0
}

private func ask(_ json: JSON) {
    var open = [json]
    while let value = open.popLast() {
        _ = (value.path, value.raw, value.asText, value.asBool, value.asNumber)
        _ = (try? value.integer(UInt8.self), try? value.integer(Int64.self), try? value.integer(UInt64.self))
        if (try? value.bytes()) != nil { Depth.reached("bytes") }
        if (try? value.embedded()) != nil { Depth.reached("JSON in a text") }
        _ = "\(value.unfit("something", quoting: true))"
        open += value.asArray ?? []
        for (name, member) in value.asMembers ?? [] {
            precondition(value[name.text]?.raw == member.raw)
            Depth.reached("a member")
            open.append(member)
        }
    }
}
