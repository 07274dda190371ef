public import Bytes

/// A PEM document, the text form of certificates and keys.
///
/// Source: RFC 7468, read strictly: lines of 64 characters except for the last, padded base64, the same label at both ends.
/// Text before, between and after documents is ignored, as OpenSSL writes explanations there.
public struct PEMDocument: Sendable, Hashable {
    /// `CERTIFICATE`, `PRIVATE KEY`.
    public let label: String
    public let der: [UInt8]

    public init(label: String, der: [UInt8]) {
        self.label = label
        self.der = der
    }

    /// The document's lines, each with a line feed.
    public var text: String {
        var text = "-----BEGIN \(label)-----\n"
        let digits = Array(der.base64.utf8)
        for start in stride(from: 0, to: digits.count, by: Self.lineLength) {
            text += String(decoding: digits[start..<min(start + Self.lineLength, digits.count)], as: UTF8.self) + "\n"
        }
        return text + "-----END \(label)-----\n"
    }

    private static let lineLength = 64

    /// The documents of a file, in order; empty for a file without any.
    ///
    /// - Throws: ``MalformedInput`` for a truncated or malformed document.
    public static func read(_ file: [UInt8]) throws(MalformedInput) -> [PEMDocument] {
        var lines = Lines(file)
        var documents: [PEMDocument] = []
        while let line = lines.next() {
            if let label = Self.label(line, "-----BEGIN ") {
                documents.append(try read(&lines, label))
            } else if holdsBeginning(line) {
                let isMarked = line.starts(with: [0xEF, 0xBB, 0xBF])
                throw MalformedInput(
                    "PEM file",
                    "line \(lines.number) "
                        + (isMarked ? "begins with a byte order mark" : "has more than -----BEGIN and a label"))
            }
        }
        return documents
    }

    private static let beginning = Array("-----BEGIN ".utf8)

    /// `contains(beginning)` costs more than the rest of reading a line.
    private static func holdsBeginning(_ line: ArraySlice<UInt8>) -> Bool {
        var rest = line
        while let dash = rest.firstIndex(of: UInt8(ascii: "-")) {
            if rest[dash...].starts(with: beginning) { return true }
            rest = rest[(dash + 1)...]
        }
        return false
    }

    /// Reads a document after its first line.
    private static func read(_ lines: inout Lines, _ label: String) throws(MalformedInput) -> PEMDocument {
        let subject = "PEM file"
        let start = lines.number
        var digits: [UInt8] = []
        var isLast = false
        while let line = lines.next() {
            if let end = Self.label(line, "-----END ") {
                guard end == label else {
                    throw MalformedInput(subject, "line \(lines.number) ends \(end), and line \(start) began \(label)")
                }
                guard let der = Base64.decode(utf8: digits), !der.isEmpty else {
                    throw MalformedInput(subject, "the \(label) of line \(start) is empty or not base64")
                }
                return PEMDocument(label: label, der: der)
            }
            guard !line.contains(UInt8(ascii: ":")) else {
                throw MalformedInput(
                    subject, "the \(label) of line \(start) has header lines, such as those of a key with a passphrase")
            }
            guard !isLast, !line.isEmpty, line.count <= lineLength else {
                throw MalformedInput(subject, "line \(lines.number), or the one before it, does not have 64 characters")
            }
            isLast = line.count < lineLength
            digits += line
        }
        throw MalformedInput(subject, "the \(label) of line \(start) is cut short")
    }

    /// The label between `prefix` and five dashes; nil for another line.
    private static func label(_ line: ArraySlice<UInt8>, _ prefix: StaticString) -> String? {
        let (before, after) = (Array("\(prefix)".utf8), Array("-----".utf8))
        guard line.count > before.count + after.count, line.starts(with: before), line.suffix(5) == after[...] else {
            return nil
        }
        let label = line.dropFirst(before.count).dropLast(after.count)
        // RFC 7468, section 3: printable ASCII without a dash at an end, which errors can show.
        guard label.count <= 64, label.allSatisfy({ (0x20...0x7E).contains($0) }) else { return nil }
        return String(decoding: label, as: UTF8.self)
    }

    /// The lines of a file, which end in LF or CR LF.
    private struct Lines {
        private let bytes: [UInt8]
        private var position = 0
        /// The last line's number, from 1.
        private(set) var number = 0

        init(_ bytes: [UInt8]) { self.bytes = bytes }

        mutating func next() -> ArraySlice<UInt8>? {
            guard position < bytes.count else { return nil }
            number += 1
            let end = bytes[position...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
            defer { position = end + 1 }
            let line = bytes[position..<end]
            return line.last == UInt8(ascii: "\r") ? line.dropLast() : line
        }
    }
}
