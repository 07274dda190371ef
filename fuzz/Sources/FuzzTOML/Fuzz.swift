import Formats
import FuzzSupport

/// Any bytes as a TOML document: it is read or refused with a line that it has, and every key is found by its name.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let text = Depth.bytes(start, count)
    let lines = text.count { $0 == UInt8(ascii: "\n") } + 1
    do throws(TOMLFault) {
        let table = try TOML.read(text)
        Depth.reached("read")
        look(.table(table), lines)
    } catch {
        precondition((1...lines).contains(error.position.line) && error.position.column > 0)
    }
    return 0
}

private func look(_ value: TOMLValue, _ lines: Int) {
    var open = [value]
    while let value = open.popLast() {
        switch value {
        case .table(let table):
            for entry in table.entries {
                precondition((1...lines).contains(entry.position.line) && (1...lines).contains(entry.keyPosition.line))
                precondition(table[entry.key.text]?.position == entry.position)
                open.append(entry.value)
            }
            if !table.entries.isEmpty { Depth.reached("a table in form \(table.form)") }
        case .array(let elements): open += elements.map(\.value)
        case .time: Depth.reached("a time")
        case .text, .integer, .number, .bool: break
        }
    }
}
