import Evidence

/// Reads init data: as much of TOML as they are written in, and nothing more.
///
/// That is comments, texts of all four kinds, bare and quoted keys, and the table `[data]`. Any guest may send init data
/// before anything is known of it, so there is no library behind this: TOML nests, and those that there are for Swift
/// follow it with the stack, and hand texts on as C strings. Here nothing nests, each byte is looked at once, and
/// what is not known is refused: a reader that takes less than others cannot be led to another meaning.
/// Source: TOML 1.0.0.
struct InitialDataReader {
    /// A document as it was read.
    struct Document: Hashable {
        /// What stands before `[data]`.
        var head: [String: String] = [:]
        /// The members of `[data]`; `nil` when there is no such table.
        var data: [String: String]?
    }

    /// Of `[data]`. Guests have a handful of files.
    static let mostEntries = 256
    /// Of a key, in bytes.
    static let longestKey = 256

    private let bytes: [UInt8]
    private var position = 0
    /// For errors; from 1.
    private var line = 1

    /// - Throws: ``MalformedInput``, which names the line and repeats nothing of it.
    static func read(_ text: some Sequence<UInt8>) throws(MalformedInput) -> Document {
        let bytes = Array(text)
        do { try CombiningMarks.check(bytes) } catch { throw MalformedInput("init data", error.reason) }
        var reader = InitialDataReader(bytes: bytes)
        return try reader.document()
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private func malformed(_ reason: String) -> MalformedInput {
        MalformedInput("init data", "\(reason) (line \(line))")
    }

    // MARK: Lines

    private mutating func document() throws(MalformedInput) -> Document {
        var document = Document()
        while true {
            skipBlanks()
            guard let byte = next else { return document }
            if byte == UInt8(ascii: "[") {
                guard try table() == "data" else { throw malformed("the one table that there may be is [data]") }
                guard document.data == nil else { throw malformed("the table [data] comes twice") }
                document.data = [:]
            } else if byte != UInt8(ascii: "#"), byte != .lineFeed, byte != .carriageReturn {
                let (key, value) = try entry()
                guard document.put(value, for: key) else { throw malformed("a key comes twice") }
                guard document.data?.count ?? 0 <= Self.mostEntries, document.head.count <= Self.mostEntries else {
                    throw malformed("there are more than \(Self.mostEntries) keys")
                }
            }
            try endLine()
        }
    }

    /// `[name]`.
    private mutating func table() throws(MalformedInput) -> String {
        position += 1
        guard next != UInt8(ascii: "[") else { throw malformed("arrays of tables are not taken") }
        skipBlanks()
        let name = try key()
        skipBlanks()
        guard take(UInt8(ascii: "]")) else { throw malformed("a table's name must be one key in brackets") }
        return name
    }

    /// `key = "text"`.
    private mutating func entry() throws(MalformedInput) -> (key: String, value: String) {
        let key = try key()
        skipBlanks()
        guard next != UInt8(ascii: ".") else {
            throw malformed("dotted keys are not taken: put the key in quotation marks")
        }
        guard take(UInt8(ascii: "=")) else { throw malformed("an equals sign was expected") }
        skipBlanks()
        guard let quote = next, quote.isQuote else { throw malformed("a value must be text in quotation marks") }
        let count = count(of: quote, upTo: 3)
        // Two are an empty text.
        return (key, try count == 3 ? longText(quote) : shortText(quote))
    }

    private mutating func key() throws(MalformedInput) -> String {
        let key: String
        if let byte = next, byte.isQuote {
            guard count(of: byte, upTo: 3) < 3 else { throw malformed("a key must stand on one line") }
            key = try shortText(byte)
        } else {
            let start = position
            while let byte = next, byte.isBareKey { position += 1 }
            guard position > start else { throw malformed("a key was expected") }
            key = String(decoding: bytes[start..<position], as: UTF8.self)
        }
        guard key.utf8.count <= Self.longestKey else {
            throw malformed("a key is longer than \(Self.longestKey) bytes")
        }
        return key
    }

    /// A comment, and the line's end or the document's.
    private mutating func endLine() throws(MalformedInput) {
        skipBlanks()
        if take(UInt8(ascii: "#")) {
            let start = position
            while let byte = next, byte != .lineFeed, byte != .carriageReturn { try takeVisible(byte) }
            _ = try text(Array(bytes[start..<position]))
        }
        guard next == nil || takeLineBreak() else { throw malformed("something follows where the line should end") }
    }

    // MARK: Texts

    /// A text on one line, from its first quotation mark.
    private mutating func shortText(_ quote: UInt8) throws(MalformedInput) -> String {
        position += 1
        var utf8: [UInt8] = []
        while let byte = next, byte != .lineFeed, byte != .carriageReturn {
            if byte == quote {
                position += 1
                return try text(utf8)
            }
            if byte == UInt8(ascii: "\\"), quote == .basicQuote {
                position += 1
                utf8 += try escaped()
            } else {
                try takeVisible(byte)
                utf8.append(byte)
            }
        }
        throw malformed("a text does not end on its line")
    }

    /// A text on several lines, from the first of its three quotation marks. Its line breaks are line feeds.
    private mutating func longText(_ quote: UInt8) throws(MalformedInput) -> String {
        position += 3
        _ = takeLineBreak()
        var utf8: [UInt8] = []
        while let byte = next {
            if byte == quote {
                // It may end with two of its own before the three that close it.
                let quotes = count(of: quote, upTo: 5)
                position += quotes
                utf8 += Array(repeating: quote, count: quotes >= 3 ? quotes - 3 : quotes)
                if quotes >= 3 { return try text(utf8) }
            } else if byte == UInt8(ascii: "\\"), quote == .basicQuote {
                position += 1
                if !skipJoint() { utf8 += try escaped() }
            } else if takeLineBreak() {
                utf8.append(.lineFeed)
            } else {
                try takeVisible(byte)
                utf8.append(byte)
            }
        }
        throw malformed("a text does not end")
    }

    /// What a backslash at a line's end joins: all white space up to whatever comes next.
    ///
    /// - Returns: `false` when the backslash is not at a line's end. Then nothing is skipped.
    private mutating func skipJoint() -> Bool {
        let start = position
        skipBlanks()
        guard takeLineBreak() else {
            position = start
            return false
        }
        repeat { skipBlanks() } while takeLineBreak()
        return true
    }

    /// What follows a backslash.
    private mutating func escaped() throws(MalformedInput) -> [UInt8] {
        guard let byte = next else { throw malformed("a text does not end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): return [byte]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "t"): return [.tab]
        case UInt8(ascii: "n"): return [.lineFeed]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "r"): return [.carriageReturn]
        case UInt8(ascii: "u"): return try scalar(digits: 4)
        case UInt8(ascii: "U"): return try scalar(digits: 8)
        default: throw malformed("an escape is unknown")
        }
    }

    private mutating func scalar(digits: Int) throws(MalformedInput) -> [UInt8] {
        guard bytes.count - position >= digits,
            let code = Hex.decode(String(decoding: bytes[position..<position + digits], as: UTF8.self)),
            let scalar = Unicode.Scalar(code.reduce(UInt32(0)) { $0 << 8 | UInt32($1) })
        else { throw malformed("an escape is no character: \(digits) hex digits are needed") }
        // Databases and C libraries take it for a text's end.
        guard scalar != "\0" else { throw malformed("NUL is not taken") }
        position += digits
        return Array(String(scalar).utf8)
    }

    private func text(_ utf8: [UInt8]) throws(MalformedInput) -> String {
        guard let text = String(validating: utf8, as: UTF8.self) else { throw malformed("it is not UTF-8") }
        return text
    }

    // MARK: Bytes

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func take(_ wanted: UInt8) -> Bool {
        guard next == wanted else { return false }
        position += 1
        return true
    }

    private mutating func takeVisible(_ byte: UInt8) throws(MalformedInput) {
        guard byte == .tab || byte >= 0x20 && byte != 0x7F else {
            throw malformed("a control character is not escaped")
        }
        position += 1
    }

    private mutating func skipBlanks() {
        while let byte = next, byte == UInt8(ascii: " ") || byte == .tab { position += 1 }
    }

    private mutating func takeLineBreak() -> Bool {
        if next == .lineFeed {
            position += 1
        } else if next == .carriageReturn, position + 1 < bytes.count, bytes[position + 1] == .lineFeed {
            position += 2
        } else {
            return false
        }
        line += 1
        return true
    }

    private func count(of byte: UInt8, upTo most: Int) -> Int {
        bytes[position...].prefix(most).prefix { $0 == byte }.count
    }
}

extension InitialDataReader.Document {
    /// - Returns: `false` when the key is there already.
    fileprivate mutating func put(_ value: String, for key: String) -> Bool {
        data == nil ? head.updateValue(value, forKey: key) == nil : data?.updateValue(value, forKey: key) == nil
    }
}

extension UInt8 {
    fileprivate static let tab = UInt8(ascii: "\t")
    fileprivate static let lineFeed = UInt8(ascii: "\n")
    fileprivate static let carriageReturn = UInt8(ascii: "\r")
    fileprivate static let basicQuote = UInt8(ascii: "\"")

    fileprivate var isQuote: Bool { self == .basicQuote || self == UInt8(ascii: "'") }

    fileprivate var isBareKey: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
