@testable import CoCoDialect
import Bytes
import TestSupport
import Testing

@Suite("Init data, as TOML 1.0.0 has them")
struct InitialDataReaderTests {
    private static func value(_ toml: String) throws -> String? {
        try InitialDataReader.read(Array("a = \(toml)".utf8)).head["a"]?.text
    }

    @Test(
        "Texts mean what the specification says",
        arguments: [
            ("\"\"", ""),
            ("''", ""),
            ("\"\"\"\"\"\"", ""),
            ("''''''", ""),
            ("\"x # y\"", "x # y"),
            ("'C:\\n'", "C:\\n"),
            ("\"\\\"\\\\\\b\\t\\n\\f\\r\"", "\"\\\u{8}\t\n\u{C}\r"),
            ("\"\\u00E9\\U0001F511\"", "é🔑"),
            ("\"\ttab\"", "\ttab"),
            ("\"\"\"\nfirst\nsecond\n\"\"\"", "first\nsecond\n"),
            ("\"\"\"\r\nfirst\r\nsecond\"\"\"", "first\nsecond"),
            ("'''\nfirst\r\n\\n'''", "first\n\\n"),
            ("\"\"\"\n\nx\"\"\"", "\nx"),
            ("\"\"\"a\\\n   \n\t b\"\"\"", "ab"),
            ("\"\"\"a\\  \r\n b\"\"\"", "ab"),
            ("\"\"\"\\\n  \"\"\"", ""),
            ("\"\"\"a \"quoted\" text\"\"\"", "a \"quoted\" text"),
            ("\"\"\"a\"\"b\"\"\"", "a\"\"b"),
            ("\"\"\"x\"\"\"\"", "x\""),
            ("\"\"\"x\"\"\"\"\"", "x\"\""),
            ("'''x''''", "x'"),
            ("'''x'''''", "x''"),
            ("\"\"\"\"\"\"\"\"", "\"\""),
            ("\"\"\"\\\"\"\"\\\"\"\"\"", "\"\"\"\""),
        ])
    func texts(_ toml: String, _ text: String) throws {
        let found = try Self.value(toml)
        #expect(found.map { Array($0.utf8) } == Array(text.utf8))
    }

    @Test(
        "What is no text of TOML's is refused",
        arguments: [
            "", "\"", "'", "\"x", "'x", "x", "\"\"\"x\"\"", "'''x''", "\"x\ny\"", "'x\ny'", "\"\\x41\"", "\"\\e\"",
            "\"\\u12\"", "\"\\u12g4\"", "\"\\uD800\"", "\"\\U00110000\"", "\"\\U000000\"", "\"\\u+041\"", "\"a\\ b\"",
            "\"\"\"a\\ b\"\"\"", "\"\"\"x\"\"\"\"\"\"", "'''x''''''", "\"x\" \"y\"", "\"x\" y", "\"\"\"x\"\"\"y",
            "\"\u{0}\"", "'\u{1}'", "\"\u{7F}\"", "\"\"\"\u{B}\"\"\"", "\"a\rb\"", "\"\"\"a\rb\"\"\"", "'''a\rb'''",
            "\"\\u0000\"", "'''\\u0000", "\"x\"\r", "\"x\"\ry = \"z\"",
        ])
    func noTexts(_ toml: String) {
        #expect(throws: MalformedInput.self) { try Self.value(toml) }
    }

    @Test(
        "Values of other kinds are refused",
        arguments: [
            "1", "true", "1979-05-27", "0x1F", "inf", "[]", "[\"x\"]", "{}", "{ b = \"x\" }", "[[[[", "{a={a={",
        ])
    func otherValues(_ toml: String) {
        #expect(throws: MalformedInput.self) { try Self.value(toml) }
    }

    @Test("A document is read with its comments, blank lines and keys of each kind")
    func document() throws {
        let text = """
            # first
            version = "0.1.0" # of the form
              algorithm\t=\t'sha256'

            [ data ] # the rest
            "aa.toml" = '''
            [token]
            url = "https://kbs"
            '''
            'cdh.toml' = ""
            policy-1_x = "y"
            "\\u00e9" = "z"
            """
        for text in [text, text + "\n", text.replacing("\n", with: "\r\n")] {
            let document = try InitialDataReader.read(Array(text.utf8))
            #expect(document.head == ["version": "0.1.0", "algorithm": "sha256"])
            #expect(
                document.data == [
                    "aa.toml": "[token]\nurl = \"https://kbs\"\n", "cdh.toml": "", "policy-1_x": "y", "é": "z",
                ])
        }
    }

    @Test("A document may be empty, and then has no table")
    func empty() throws {
        #expect(try InitialDataReader.read(Array("".utf8)) == .init())
        #expect(try InitialDataReader.read(Array("# only\n\r\n".utf8)).data == nil)
        #expect(try InitialDataReader.read(Array("[\"data\"]".utf8)).data == [:])
    }

    @Test("A dotted key is told how it should be written")
    func dottedKey() {
        let error = #expect(throws: MalformedInput.self) {
            try InitialDataReader.read(Array("[data]\naa.toml = \"x\"".utf8))
        }
        #expect(error?.reason == "line 2, column 1, has a dotted key: put it in quotation marks")
    }

    @Test(
        "Keys and tables that init data do not use are refused",
        arguments: [
            "a.b = \"x\"", "\"a\".b = \"x\"", "a . b = \"x\"", "= \"x\"", "a", "a b = \"x\"", "a = \"x\" b = \"y\"",
            "é = \"x\"", "\"\"\"a\"\"\" = \"x\"", "'''a''' = \"x\"", "\"a\nb\" = \"x\"", "\"a\\u0000b\" = \"x\"",
            "[other]", "[[data]]", "[data.x]", "[data", "[]", "[data] x", "[data]\n[data]", "[data]\n[\"data\"]",
            "data.x = \"y\"", "[data]\n[other]",
        ])
    func otherKeys(_ toml: String) {
        #expect(throws: MalformedInput.self) { try InitialDataReader.read(Array(toml.utf8)) }
    }

    @Test(
        "A key that comes twice is refused, however it is written",
        arguments: [
            "a = \"x\"\na = \"x\"", "[data]\na = \"x\"\n\"a\" = \"y\"", "[data]\n'a' = \"\"\n\"\\u0061\" = \"\"",
        ])
    func duplicates(_ toml: String) {
        #expect(throws: MalformedInput.self) { try InitialDataReader.read(Array(toml.utf8)) }
    }

    @Test(
        "Bytes that are not UTF-8 are refused, in texts, keys and comments",
        arguments: ["a = \"X\"", "\"X\" = \"\"", "# X"])
    func encoding(_ toml: String) {
        for bad: [UInt8] in [[0xFF], [0xC3], [0xED, 0xA0, 0x80], [0xC0, 0x80], [0xF4, 0x90, 0x80, 0x80]] {
            let bytes = toml.utf8.flatMap { $0 == UInt8(ascii: "X") ? bad : [$0] }
            #expect(throws: MalformedInput.self) { try InitialDataReader.read(bytes) }
        }
    }

    @Test("A control character in a comment is refused, and a byte order mark too")
    func controls() {
        for text in ["# a\u{0}", "# a\u{7F}", "# a\rb", "\u{FEFF}a = \"x\""] {
            #expect(throws: MalformedInput.self) { try InitialDataReader.read(Array(text.utf8)) }
        }
    }

    @Test("So many keys as guests have are taken, and no more")
    func count() throws {
        func entries(_ count: Int) -> String { "[data]\n" + (0..<count).map { "k\($0) = \"\"\n" }.joined() }
        #expect(try InitialDataReader.read(Array(entries(256).utf8)).data?.count == 256)
        #expect(throws: MalformedInput.self) { try InitialDataReader.read(Array(entries(257).utf8)) }
        #expect(throws: MalformedInput.self) {
            try InitialDataReader.read(Array("\(String(repeating: "a", count: 257)) = \"\"".utf8))
        }
    }

    @Test("An error names its line and repeats nothing of the document")
    func line() {
        let error = #expect(throws: MalformedInput.self) {
            try InitialDataReader.read(Array("a = '''\nx\n'''\nhush = 1\n".utf8))
        }
        #expect(error?.reason.contains("line 4") == true)
        #expect(error?.reason.contains("hush") == false)
    }

    @Test(
        "Whatever is read, Python's tomllib reads the same, also of documents that nobody would write",
        .enabled(if: Independent.isThere))
    func tomllib() async throws {
        let parts = [
            "a", "b", "'c d'", "\"e.f\"", "=", " = ", "\"", "\"\"\"", "'", "'''", "\n", "\r\n", "\\", "\\n", "\\u00e9",
            "\\U0001F511", "\\\n", "\\ \t\n ", "# x", "[data]", "[", "]", ".", " ", "\t", "x", "é", "=\"x\"\n",
            "='y'\n",
            "='''\nz'''\n", "=\"\"\"\nw\\\n  v\"\"\"\n", ",", "1",
        ]
        var random = Sequence(seed: 42)
        var documents: [(text: String, found: InitialDataReader.Document)] = []
        for _ in 0..<60_000 {
            let text = (0..<Int.random(in: 1...10, using: &random)).map { _ in
                parts.randomElement(using: &random) ?? ""
            }.joined()
            if let found = try? InitialDataReader.read(Array(text.utf8)) { documents.append((text, found)) }
        }
        try #require(documents.count > 500)
        let answer = try await Independent.run("toml", ["documents": documents.map(\.text)])
        let theirs = try #require(answer["documents"] as? [Any])
        for (document, other) in zip(documents, theirs) {
            var members = try #require(other as? [String: Any], "\(document.text.debugDescription) is no TOML")
            let data = members.removeValue(forKey: "data").map { $0 as? [String: String] ?? ["not": "texts"] }
            #expect(
                Self.exact(members as? [String: String]) == document.found.head, "\(document.text.debugDescription)")
            #expect(Self.exact(data) == document.found.data, "\(document.text.debugDescription)")
        }
    }

    private static func exact(_ texts: [String: String]?) -> [ExactText: ExactText]? {
        texts.map { Dictionary(uniqueKeysWithValues: $0.map { (ExactText($0), ExactText($1)) }) }
    }

    /// The same numbers each time.
    private struct Sequence: RandomNumberGenerator {
        private var state: UInt64

        init(seed: UInt64) { state = seed }

        // SplitMix64.
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }
}
