import Bytes
import Formats
import Testing

/// RFC 7468, strictly.
@Suite("PEM")
struct PEMTests {
    private let bytes = (0..<70).map { UInt8($0) }
    private var text: String { PEMDocument(label: "TEST KEY", der: bytes).text }

    private func read(_ text: String) throws -> [PEMDocument] { try PEMDocument.read(Array(text.utf8)) }

    @Test("What is written is read, for every length")
    func roundTrip() throws {
        for count in 1..<200 {
            let document = PEMDocument(label: "X", der: [UInt8](repeating: 0xA5, count: count))
            #expect(try read(document.text) == [document])
        }
        #expect(
            PEMDocument(label: "X", der: [1]).text == "-----BEGIN X-----\nAQ==\n-----END X-----\n")
    }

    @Test("Several documents are read, with text between them, and with line ends of either kind")
    func several() throws {
        let other = PEMDocument(label: "OTHER", der: [1, 2])
        let file = "Bag attributes: none\n\(text)\nsubject=CN = x\n\(other.text)the end"
        #expect(try read(file).map(\.label) == ["TEST KEY", "OTHER"])
        #expect(try read(file.replacing("\n", with: "\r\n")) == read(file))
        #expect(try read(String(text.dropLast())).map(\.der) == [bytes], "no line end after the last line")
        #expect(try read("") == [])
        #expect(try read("no document at all") == [])
    }

    @Test("What is not RFC 7468's strict form is refused, with the line")
    func malformed() throws {
        let lines = text.split(separator: "\n").map(String.init)
        func file(_ lines: String...) -> String { lines.joined(separator: "\n") + "\n" }
        #expect(try read(file(lines[0], lines[1], lines[2], lines[3])).map(\.der) == [bytes])
        let wrong: [(String, String)] = [
            (file(lines[0], lines[1]), "cut short"), (file(lines[0]), "only begun"),
            (file(lines[0], lines[3]), "empty"), (file(lines[0], lines[1] + lines[2], lines[3]), "a long line"),
            (file(lines[0], lines[2], lines[1], lines[3]), "a short line that is not the last"),
            (file(lines[0], lines[1], "", lines[2], lines[3]), "an empty line"),
            (file(lines[0], lines[1] + " ", lines[2], lines[3]), "a space at a line's end"),
            (file(lines[0], " " + lines[1].dropLast(), lines[2], lines[3]), "a space in base64"),
            (file(lines[0], lines[1], String(lines[2].dropLast()), lines[3]), "a missing ="),
            (file(lines[0], lines[1], lines[2] + "=", lines[3]), "a surplus ="),
            (file(lines[0], "AB==", lines[3]), "bits behind the last byte"),
            (file(lines[0], lines[1].replacing("A", with: "-"), lines[2], lines[3]), "base64url"),
            (file(lines[0], lines[1], lines[2], "-----END TEST-----"), "another label at the end"),
            (file(lines[0], "Proc-Type: 4,ENCRYPTED", "", lines[1], lines[2], lines[3]), "an encrypted key"),
            (file(lines[0], lines[1], lines[0], lines[2], lines[3]), "one in another"),
            (file("\u{FEFF}" + lines[0], lines[1], lines[2], lines[3]), "a byte order mark"),
            (file("x" + lines[0], lines[1], lines[2], lines[3]), "something before the mark"),
            (file(lines[0] + " ", lines[1], lines[2], lines[3]), "something behind the mark"),
            (
                file("-----BEGIN \u{1B}[31m-----", lines[1], lines[2], "-----END \u{1B}[31m-----"),
                "a label for terminals"
            ),
        ]
        for (file, what) in wrong { #expect(throws: MalformedInput.self, "\(what)") { try read(file) } }
        do {
            _ = try read(file("one", lines[0], "=", lines[3]))
            Issue.record("it was read")
        } catch let error as MalformedInput {
            #expect(error.description == "PEM file: the TEST KEY of line 2 is empty or not base64")
        }
    }
}
