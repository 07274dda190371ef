/// What is seen of a TOML document before the library reads it.
///
/// The library builds, and frees, what is nested by recursion: a key of ten thousand parts ends the program. And it hands
/// texts on as C's, which end at a NUL: a rule would be lost. So both are refused here, in one pass without recursion.
struct TOMLShape {
    /// Brackets within brackets, and the dots of a line. Policies have two and one.
    static let deepest = 16

    struct Fault: Error {
        /// From 1.
        let line: Int
        let problem: String
    }

    private let bytes: [UInt8]
    private var position = 0
    private var line = 1

    /// Goes over a document. What is not TOML at all is left to the library, which stops there.
    static func check(_ text: String) throws(Fault) {
        var shape = TOMLShape(bytes: Array(text.utf8))
        try shape.check()
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private mutating func check() throws(Fault) {
        var (depth, dots) = (0, 0)
        while let byte = byte(at: 0) {
            switch byte {
            case UInt8(ascii: "\n"): (line, dots) = (line + 1, 0)
            case UInt8(ascii: "#"):
                while let next = self.byte(at: 1), next != UInt8(ascii: "\n"), next != 0 { position += 1 }
            case UInt8(ascii: "\""), UInt8(ascii: "'"):
                try skipText(in: byte)
                continue
            case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"): depth = max(0, depth - 1)
            case UInt8(ascii: "."): dots += 1
            case 0: throw fault("holds a NUL")
            default: break
            }
            guard depth <= Self.deepest, dots <= Self.deepest else {
                throw fault("is nested deeper than \(Self.deepest) levels")
            }
            position += 1
        }
    }

    /// Goes from the quotation mark that begins a text to behind the one that ends it.
    private mutating func skipText(in quote: UInt8) throws(Fault) {
        let isLong = byte(at: 1) == quote && byte(at: 2) == quote
        position += isLong ? 3 : 1
        while let byte = byte(at: 0) {
            switch byte {
            case quote where !isLong:
                position += 1
                return
            case quote where self.byte(at: 1) == quote && self.byte(at: 2) == quote:
                position += 3
                // Two more belong to the text.
                for _ in 0..<2 where self.byte(at: 0) == quote { position += 1 }
                return
            case UInt8(ascii: "\\") where quote == UInt8(ascii: "\""):
                let escape = bytes[position...].dropFirst()
                guard !escape.starts(with: "u0000".utf8), !escape.starts(with: "U00000000".utf8) else {
                    throw fault("holds an escaped NUL")
                }
                position += 1
                // An escaped end of a line is counted below.
                if self.byte(at: 0) != UInt8(ascii: "\n") { position += 1 }
            case UInt8(ascii: "\n"):
                guard isLong else { throw fault("holds a text that does not end in its line") }
                line += 1
                position += 1
            case 0: throw fault("holds a NUL")
            default: position += 1
            }
        }
    }

    private func byte(at offset: Int) -> UInt8? {
        let index = position + offset
        return index < bytes.count ? bytes[index] : nil
    }

    private func fault(_ problem: String) -> Fault { Fault(line: line, problem: problem) }
}
