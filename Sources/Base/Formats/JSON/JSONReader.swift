import Bytes

/// A parser of a JSON text in one pass.
///
/// Each method gets the text as a span; the reader holds the position and the nodes.
struct JSONReader {
    private(set) var nodes: [JSONDocument.Node] = []
    /// As large as the text, as its contents are never longer than their source.
    var pool: [UInt8]
    var poolCount = 0
    let limits: JSON.Limits
    var position = 0

    static func read(
        _ text: [UInt8], _ limits: JSON.Limits, in outer: JSON? = nil, isSecret: Bool = false
    ) throws(MalformedInput) -> JSONDocument {
        // Nodes have 32 bits for a position.
        guard text.count <= min(limits.bytes, Int(UInt32.max) - 1) else {
            throw MalformedInput("JSON", "it has \(text.count) bytes, more than \(limits.bytes)")
        }
        var reader = JSONReader(limits: limits, size: text.count)
        try reader.whole(text.span)
        return JSONDocument(
            source: text, nodes: reader.nodes, pool: reader.pool, outer: outer, isSecret: isSecret)
    }

    private init(limits: JSON.Limits, size: Int) {
        self.limits = limits
        pool = [UInt8](repeating: 0, count: size)
        nodes.reserveCapacity(64)
    }

    private mutating func whole(_ text: Span<UInt8>) throws(MalformedInput) {
        if text.count >= 3, text[0] == 0xEF, text[1] == 0xBB, text[2] == 0xBF {
            throw malformed(text, "it begins with a byte order mark")
        }
        // UTF-16's byte order mark, for example.
        if text.count > 0, text[0] >= 0xF8 { throw malformed(text, "it is not UTF-8") }
        skipSpace(text)
        try value(text, parent: 0, depth: 0)
        skipSpace(text)
        guard position == text.count else { throw malformed(text, "something follows its end") }
    }

    func malformed(_ text: Span<UInt8>, _ reason: String) -> MalformedInput {
        MalformedInput("JSON", "\(reason) (\(TextPosition(of: position, in: text)))")
    }

    private mutating func skipSpace(_ text: Span<UInt8>) {
        while position < text.count, Self.isSpace(text[position]) { position += 1 }
    }

    private mutating func take(_ text: Span<UInt8>, _ wanted: UInt8) -> Bool {
        guard position < text.count, text[position] == wanted else { return false }
        position += 1
        return true
    }

    private mutating func value(_ text: Span<UInt8>, parent: Int, depth: Int) throws(MalformedInput) {
        guard position < text.count else { throw malformed(text, "it ends where a value was expected") }
        guard nodes.count < limits.values else { throw malformed(text, "it has more than \(limits.values) values") }
        switch text[position] {
        case UInt8(ascii: "\""): try string(text, .text, parent: parent)
        case UInt8(ascii: "["): try array(text, parent: parent, depth: depth)
        case UInt8(ascii: "{"): try object(text, parent: parent, depth: depth)
        case UInt8(ascii: "t"): try word(text, "true", .isTrue, parent: parent)
        case UInt8(ascii: "f"): try word(text, "false", .isFalse, parent: parent)
        case UInt8(ascii: "n"): try word(text, "null", .null, parent: parent)
        default: try number(text, parent: parent)
        }
    }

    private mutating func add(_ kind: JSONDocument.Node.Kind, start: Int, parent: Int) {
        var node = JSONDocument.Node(kind, start: start, end: position, parent: parent)
        node.next = UInt32(truncatingIfNeeded: nodes.count + 1)
        nodes.append(node)
    }

    /// Ends a node with its contents.
    private mutating func close(_ index: Int) {
        nodes[index].end = UInt32(truncatingIfNeeded: position)
        nodes[index].next = UInt32(truncatingIfNeeded: nodes.count)
    }

    private mutating func word(
        _ text: Span<UInt8>, _ word: StaticString, _ kind: JSONDocument.Node.Kind, parent: Int
    ) throws(MalformedInput) {
        let start = position
        for wanted in "\(word)".utf8 {
            guard take(text, wanted) else { throw malformed(text, "a value was expected") }
        }
        add(kind, start: start, parent: parent)
    }

    private mutating func array(_ text: Span<UInt8>, parent: Int, depth: Int) throws(MalformedInput) {
        let start = position
        if let content = smallNumbers(text) {
            add(.smallNumbers, start: start, parent: parent)
            setContent(content, isPooled: true)
            return
        }
        guard depth < limits.depth else { throw malformed(text, "it is nested deeper than \(limits.depth)") }
        let index = nodes.count
        add(.array, start: start, parent: parent)
        position += 1
        skipSpace(text)
        if !take(text, UInt8(ascii: "]")) {
            while true {
                try value(text, parent: index, depth: depth + 1)
                skipSpace(text)
                if take(text, UInt8(ascii: "]")) { break }
                guard take(text, UInt8(ascii: ",")) else {
                    throw malformed(text, "a comma or the array's end was expected")
                }
                skipSpace(text)
            }
        }
        close(index)
    }

    /// The fast path for an array of numbers of 0 to 255, such as a certificate's thousands of bytes.
    ///
    /// - Returns: its range in the pool; nil, with nothing read, for any other array.
    private mutating func smallNumbers(_ text: Span<UInt8>) -> Range<Int>? {
        let first = poolCount
        guard let ends = Self.smallNumbers(text, behind: position, into: &pool, from: first) else { return nil }
        (position, poolCount) = ends
        return first..<poolCount
    }

    /// - Returns: the ends of the array in the text, and of its bytes in the pool.
    private static func smallNumbers(
        _ text: Span<UInt8>, behind bracket: Int, into pool: inout [UInt8], from first: Int
    ) -> (Int, Int)? {
        let count = text.count
        var (cursor, last) = (bracket + 1, first)
        var pool = pool.mutableSpan
        func skipSpace() {
            while cursor < count, text[cursor] <= 0x20, isSpace(text[cursor]) { cursor += 1 }
        }
        while true {
            skipSpace()
            guard cursor < count else { return nil }
            var number = UInt16(text[cursor] &- 0x30)
            guard number < 10 else { return nil }
            cursor += 1
            // A leading zero stands alone, and four digits are too large.
            if number > 0 {
                var digits = 1
                while digits < 3, cursor < count, text[cursor] &- 0x30 < 10 {
                    number = number &* 10 &+ UInt16(text[cursor] &- 0x30)
                    cursor += 1
                    digits += 1
                }
                guard number < 256 else { return nil }
            }
            pool[last] = UInt8(truncatingIfNeeded: number)
            last += 1
            skipSpace()
            guard cursor < count else { return nil }
            if text[cursor] == UInt8(ascii: ",") {
                cursor += 1
            } else if text[cursor] == UInt8(ascii: "]") {
                return (cursor + 1, last)
            } else {
                return nil
            }
        }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

    private mutating func object(_ text: Span<UInt8>, parent: Int, depth: Int) throws(MalformedInput) {
        guard depth < limits.depth else { throw malformed(text, "it is nested deeper than \(limits.depth)") }
        let index = nodes.count
        add(.object, start: position, parent: parent)
        position += 1
        skipSpace(text)
        var count = 0
        if !take(text, UInt8(ascii: "}")) {
            while true {
                let name = nodes.count
                guard position < text.count, text[position] == UInt8(ascii: "\"") else {
                    throw malformed(text, "a member's name was expected")
                }
                try string(text, .name, parent: index)
                guard nodes[name].content.count <= limits.name else {
                    throw malformed(text, "a member's name is longer than \(limits.name) bytes")
                }
                skipSpace(text)
                guard take(text, UInt8(ascii: ":")) else { throw malformed(text, "a colon was expected") }
                skipSpace(text)
                try value(text, parent: name, depth: depth + 1)
                count += 1
                skipSpace(text)
                if take(text, UInt8(ascii: "}")) { break }
                guard take(text, UInt8(ascii: ",")) else {
                    throw malformed(text, "a comma or the object's end was expected")
                }
                skipSpace(text)
            }
        }
        close(index)
        if count > 1 { try checkNames(text, of: index, count: count) }
    }

    /// Refuses duplicate members, of which readers choose different ones. By sorting the names' bytes, as untrusted names
    /// must not make it slow.
    private func checkNames(_ text: Span<UInt8>, of object: Int, count: Int) throws(MalformedInput) {
        var names: [Int] = []
        names.reserveCapacity(count)
        var index = object + 1
        while index < nodes.count {
            names.append(index)
            index = Int(nodes[index + 1].next)
        }
        let pool = pool.span
        names.sort { compare(text, pool, $0, $1) < 0 }
        for index in 1..<names.count where compare(text, pool, names[index - 1], names[index]) == 0 {
            throw malformed(text, "a member of the object that ends here comes twice")
        }
    }

    /// By length, then by bytes.
    private func compare(_ text: Span<UInt8>, _ pool: Span<UInt8>, _ first: Int, _ second: Int) -> Int {
        let (a, b) = (nodes[first], nodes[second])
        let (count, other) = (a.content.count, b.content.count)
        guard count == other else { return count - other }
        for offset in 0..<count {
            let x = a.isPooled ? pool[Int(a.contentStart) + offset] : text[Int(a.contentStart) + offset]
            let y = b.isPooled ? pool[Int(b.contentStart) + offset] : text[Int(b.contentStart) + offset]
            if x != y { return Int(x) - Int(y) }
        }
        return 0
    }

    private mutating func setContent(_ content: Range<Int>, isPooled: Bool) {
        let last = nodes.count - 1
        nodes[last].contentStart = UInt32(truncatingIfNeeded: content.lowerBound)
        nodes[last].contentEnd = UInt32(truncatingIfNeeded: content.upperBound)
        nodes[last].isPooled = isPooled
    }

    private mutating func string(
        _ text: Span<UInt8>, _ kind: JSONDocument.Node.Kind, parent: Int
    ) throws(MalformedInput) {
        let start = position
        let (content, isPooled) = try stringContent(text)
        add(kind, start: start, parent: parent)
        setContent(content, isPooled: isPooled)
    }

    private mutating func digits(_ text: Span<UInt8>) throws(MalformedInput) {
        let start = position
        while position < text.count, text[position] &- 0x30 < 10 { position += 1 }
        guard position > start else { throw malformed(text, "a value was expected") }
    }

    private mutating func number(_ text: Span<UInt8>, parent: Int) throws(MalformedInput) {
        let start = position
        _ = take(text, UInt8(ascii: "-"))
        if take(text, UInt8(ascii: "0")) {
            if position < text.count, text[position] &- 0x30 < 10 {
                throw malformed(text, "a number begins with zero")
            }
        } else {
            try digits(text)
        }
        if take(text, UInt8(ascii: ".")) { try digits(text) }
        var isScaled = false
        if take(text, UInt8(ascii: "e")) || take(text, UInt8(ascii: "E")) {
            isScaled = true
            if !take(text, UInt8(ascii: "+")) { _ = take(text, UInt8(ascii: "-")) }
            try digits(text)
        }
        guard position - start <= limits.number else {
            throw malformed(text, "a number has more than \(limits.number) characters")
        }
        // Only with an exponent can a number exceed a Double.
        guard !isScaled || isRepresentable(text, start) else {
            throw malformed(text, "a number is too large, or so small that it would be read as zero")
        }
        add(.number, start: start, parent: parent)
    }

    private func isRepresentable(_ text: Span<UInt8>, _ start: Int) -> Bool {
        var characters: [UInt8] = []
        var isZero = true
        for index in start..<position {
            let character = text[index]
            if character | 0x20 == UInt8(ascii: "e") { break }
            if (UInt8(ascii: "1")...UInt8(ascii: "9")).contains(character) { isZero = false }
        }
        for index in start..<position { characters.append(text[index]) }
        guard let value = Double(String(decoding: characters, as: UTF8.self)) else { return false }
        return value.isFinite && (isZero || value != 0)
    }
}
