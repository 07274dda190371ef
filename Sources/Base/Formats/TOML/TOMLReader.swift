import Bytes

/// A parser of a document in one pass. Each method gets the text as a span.
struct TOMLReader {
    let limits: TOML.Limits
    var position = 0
    private var line = 1
    /// A byte of the current line and its column: the last one whose place was asked for.
    private var known = (offset: 0, column: 1)
    private var values = 0
    private let root = TOMLBuilder(.document)
    /// The number of headers: dotted keys of different sections must not add to the same table.
    private var section = 0

    static func read(_ text: [UInt8], _ limits: TOML.Limits) throws(TOMLFault) -> TOMLTable {
        var reader = TOMLReader(limits)
        let bytes = text.span
        guard bytes.count <= limits.bytes else {
            throw reader.fault(bytes, "begins a document of \(bytes.count) bytes, more than \(limits.bytes)")
        }
        try reader.document(bytes)
        return reader.root.table
    }

    private init(_ limits: TOML.Limits) { self.limits = limits }

    func fault(_ text: Span<UInt8>, _ reason: String) -> TOMLFault {
        TOMLFault(position: TextPosition(line: line, column: column(text)), reason: reason)
    }

    func fault(at place: TextPosition, _ reason: String) -> TOMLFault { TOMLFault(position: place, reason: reason) }

    /// The place of the next byte. Each byte of a line is looked at once, however many places are asked for.
    mutating func place(_ text: Span<UInt8>) -> TextPosition {
        known = (position, column(text))
        return TextPosition(line: line, column: known.column)
    }

    private func column(_ text: Span<UInt8>) -> Int {
        var column = known.column
        for index in known.offset..<max(known.offset, min(position, text.count)) where text[index] & 0xC0 != 0x80 {
            column += 1
        }
        return column
    }

    // MARK: Lines

    private mutating func document(_ text: Span<UInt8>) throws(TOMLFault) {
        // An optional byte order mark.
        if text.count >= 3, text[0] == 0xEF, text[1] == 0xBB, text[2] == 0xBF { (position, known.offset) = (3, 3) }
        var (table, depth) = (root, 0)
        while true {
            skipBlanks(text)
            guard let byte = next(text) else { return }
            switch byte {
            case UInt8(ascii: "["): (table, depth) = try header(text)
            case UInt8(ascii: "#"), UInt8(ascii: "\n"), UInt8(ascii: "\r"): break
            default: try entry(text, in: table, section: section, depth: depth)
            }
            try endLine(text)
        }
    }

    private mutating func endLine(_ text: Span<UInt8>) throws(TOMLFault) {
        skipBlanks(text)
        try skipComment(text)
        guard position == text.count || takeLineBreak(text) else {
            throw fault(text, try unexpected(text, "has something where the line's end is expected"))
        }
    }

    /// `[a.b]` or `[[a.b]]`.
    private mutating func header(_ text: Span<UInt8>) throws(TOMLFault) -> (TOMLBuilder, Int) {
        let start = place(text)
        position += 1
        let isArray = take(text, UInt8(ascii: "["))
        skipBlanks(text)
        let keys = try self.keys(text, depth: isArray ? 1 : 0)
        guard take(text, UInt8(ascii: "]")), !isArray || take(text, UInt8(ascii: "]")) else {
            throw fault(text, try unexpected(text, "needs a bracket that ends the table's name"))
        }
        section += 1
        try count(text)
        var table = root
        for key in keys.dropLast() {
            guard let inner = table.through(key) else {
                throw fault(at: key.position, "names a table, but has another value")
            }
            table = inner
        }
        guard let key = keys.last, let found = isArray ? table.append(key) : table.header(key) else {
            throw fault(at: start, "has a table that exists already")
        }
        return (found, keys.count + (isArray ? 1 : 0))
    }

    /// `a.b = value`, in a table of this depth.
    mutating func entry(
        _ text: Span<UInt8>, in table: TOMLBuilder, section: Int, depth: Int
    ) throws(TOMLFault) {
        let keys = try self.keys(text, depth: depth)
        guard take(text, UInt8(ascii: "=")) else { throw fault(text, try unexpected(text, "needs a = after the key")) }
        skipBlanks(text)
        var table = table
        for key in keys.dropLast() {
            guard let inner = table.dotted(key, section: section) else {
                throw fault(at: key.position, "adds to a table that is defined elsewhere")
            }
            table = inner
        }
        guard let key = keys.last else { return }
        let start = place(text)
        let value = try self.value(text, depth: depth + keys.count)
        guard table.set(key, value, at: start) else { throw fault(at: key.position, "has a key that exists already") }
    }

    /// `a . "b".c`, and the white space after it.
    private mutating func keys(_ text: Span<UInt8>, depth: Int) throws(TOMLFault) -> [TOMLKey] {
        var keys: [TOMLKey] = []
        repeat {
            skipBlanks(text)
            let start = place(text)
            let bytes = try key(text)
            keys.append(TOMLKey(text: ExactText(String(decoding: bytes, as: UTF8.self)), position: start))
            guard depth + keys.count <= limits.depth else { throw tooDeep(text) }
            skipBlanks(text)
        } while take(text, UInt8(ascii: "."))
        return keys
    }

    /// Counts a value, against the limit.
    mutating func count(_ text: Span<UInt8>) throws(TOMLFault) {
        values += 1
        guard values <= limits.values else { throw fault(text, "has more than \(limits.values) values") }
    }

    func tooDeep(_ text: Span<UInt8>) -> TOMLFault { fault(text, "is nested deeper than \(limits.depth) levels") }

    private mutating func key(_ text: Span<UInt8>) throws(TOMLFault) -> [UInt8] {
        if let quote = next(text), quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") {
            return try shortText(text, quote)
        }
        let start = position
        var bytes: [UInt8] = []
        while let byte = next(text), Self.isBareKey(byte) {
            bytes.append(byte)
            position += 1
        }
        guard position > start else {
            throw fault(text, try unexpected(text, "has something where a key is expected"))
        }
        return bytes
    }

    private static func isBareKey(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    // MARK: Bytes

    func next(_ text: Span<UInt8>) -> UInt8? { byte(text, 0) }

    func byte(_ text: Span<UInt8>, _ offset: Int) -> UInt8? {
        position + offset < text.count ? text[position + offset] : nil
    }

    mutating func take(_ text: Span<UInt8>, _ wanted: UInt8) -> Bool {
        guard next(text) == wanted else { return false }
        position += 1
        return true
    }

    mutating func skipBlanks(_ text: Span<UInt8>) {
        while let byte = next(text), byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") { position += 1 }
    }

    mutating func takeLineBreak(_ text: Span<UInt8>) -> Bool {
        if next(text) == UInt8(ascii: "\n") {
            position += 1
        } else if next(text) == UInt8(ascii: "\r"), byte(text, 1) == UInt8(ascii: "\n") {
            position += 2
        } else {
            return false
        }
        line += 1
        known = (position, 1)
        return true
    }

    mutating func skipComment(_ text: Span<UInt8>) throws(TOMLFault) {
        guard take(text, UInt8(ascii: "#")) else { return }
        var marks = 0
        while let byte = next(text), byte != UInt8(ascii: "\n") {
            if byte == UInt8(ascii: "\r"), self.byte(text, 1) == UInt8(ascii: "\n") { return }
            position += try visible(text, &marks)
        }
    }

    /// White space, comments and line ends within an array.
    mutating func skipLines(_ text: Span<UInt8>) throws(TOMLFault) {
        repeat {
            skipBlanks(text)
            try skipComment(text)
        } while takeLineBreak(text)
    }

    /// An error's reason: an invalid character here, else the caller's reason.
    func unexpected(_ text: Span<UInt8>, _ reason: String) throws(TOMLFault) -> String {
        var marks = 0
        if let byte = next(text), byte != UInt8(ascii: "\n") { _ = try visible(text, &marks) }
        return reason
    }
}
