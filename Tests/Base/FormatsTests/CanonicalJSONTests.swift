import Bytes
import Formats
import Testing

@Suite("JSON that is read strictly and written canonically")
struct CanonicalJSONTests {
    private static func canonical(_ text: String) throws -> String {
        try CanonicalJSON.text(JSONValue(JSON(Array(text.utf8))))
    }

    /// Source: RFC 8785, section 3.2.3.
    @Test("Members are sorted by UTF-16 code units, as in the RFC's own example")
    func sorting() throws {
        let text = #"""
            {"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",
            "\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}
            """#
        let names = ["\\r", "1", "\u{80}", "\u{F6}", "\u{20AC}", "\u{1F600}", "\u{FB33}"]
        let values = [
            "Carriage Return", "One", "Control", "Latin Small Letter O With Diaeresis", "Euro Sign",
            "Emoji: Grinning Face", "Hebrew Letter Dalet With Dagesh",
        ]
        let expected = "{" + zip(names, values).map { "\"\($0)\":\"\($1)\"" }.joined(separator: ",") + "}"
        #expect(try Self.canonical(text) == expected)
    }

    @Test("Texts are escaped as little as may be, and no other way")
    func escapes() throws {
        #expect(
            try Self.canonical(#"["\u0041\/\u0008\u0009\u000a\u000c\u000d\u001F\"\\\u007f\u00e9"]"#)
                == #"["A/\b\t\n\f\r\u001f\"\\"# + "\u{7F}\u{E9}\"]")
    }

    @Test("A member's name may have 256 bytes, and 32 combining marks in a row")
    func names() throws {
        func read(_ name: String) throws { _ = try JSON(Array("{\"\(name)\":1}".utf8)) }
        try read(String(repeating: "n", count: 256))
        #expect(throws: MalformedInput.self) { try read(String(repeating: "n", count: 257)) }
        try read("n" + String(repeating: "\u{301}", count: 32))
        #expect(throws: MalformedInput.self) { try read("n" + String(repeating: "\u{301}", count: 33)) }
    }

    @Test("White space goes, words and whole numbers stay")
    func values() throws {
        #expect(
            try Self.canonical(" [ 1 , -20, 0, 1e2, true, false, null, {} , [ ] ] ")
                == "[1,-20,0,100,true,false,null,{},[]]")
    }

    @Test(
        "A number that is not whole, or too large to be the same for all, is refused",
        arguments: ["0.5", "9007199254740993"])
    func numbers(_ text: String) {
        #expect(throws: MalformedInput.self) { try Self.canonical(text) }
    }

    @Test(
        "What readers may understand differently is refused",
        arguments: [
            #"{"a":1,"a":2}"#, #"{"a":1,"\u0061":2}"#, #""\ud800""#, #""\ud800\u0041""#, "01", "1.", "+1", "NaN",
            "1e999", "[1,]",
            "{\"a\":1,}", "'a'", "\"\u{1}\"", "\"\\x\"", "\"\\u12\"", "[1] 2", "", "tru", "{\"a\" 1}", "[", "\"",
            "{1:2}",
        ])
    func refused(_ text: String) {
        #expect(throws: MalformedInput.self) { try JSON(Array(text.utf8)) }
    }

    @Test("What is not UTF-8 is refused")
    func encoding() {
        #expect(throws: MalformedInput.self) { try JSON([0x22, 0xC3, 0x28, 0x22]) }
    }

    @Test("Nesting is bounded")
    func depth() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        _ = try JSON(Array(nested(JSON.Limits().depth).utf8))
        #expect(throws: MalformedInput.self) { try JSON(Array(nested(100_000).utf8)) }
    }
}
