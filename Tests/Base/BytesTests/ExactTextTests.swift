import Bytes
import Foundation
import Testing

@Suite("Text that decides")
struct ExactTextTests {
    /// Pairs that `String` takes for the same.
    private static let pairs: [(ExactText, ExactText)] = [
        ("Kind", "\u{212A}ind"), ("a;b", "a\u{37E}b"), ("`", "\u{1FEF}"), ("caf\u{E9}", "cafe\u{301}"),
        ("\u{C5}", "\u{212B}"), ("\u{1E69}", "s\u{307}\u{323}"), ("q\u{323}\u{307}", "q\u{307}\u{323}"),
    ]

    @Test("Texts that are the same in other bytes are two: as they are, in a set, and as keys")
    func other() {
        for (a, b) in Self.pairs {
            #expect(a.text == b.text, "this is what it is about")
            #expect(a != b && !a.hasPrefix(b) && !b.hasPrefix(a))
            #expect(Set([a, b]).count == 2 && [a: 1, b: 2][b] == 2 && ![a].contains(b))
            #expect((a < b) != (b < a) && (a < b) == a.text.utf8.lexicographicallyPrecedes(b.text.utf8))
        }
    }

    @Test("The same bytes are the same text, whoever made it")
    func same() {
        let made = ExactText("policy.rego"[...].dropFirst(7))
        #expect(made == "rego" && made.hashValue == ExactText("rego").hashValue && made.hasPrefix("re"))
        #expect("\(made)" == "rego" && ExactText("").isEmpty && !made.isEmpty)
    }

    private enum Name: String { case kelvin = "Kelvin", semicolon = "a;b", plain }

    @Test("A case is found by the bytes of its name")
    func cases() {
        #expect(Name(exactly: "Kelvin") == .kelvin && Name(exactly: "plain") == .plain)
        #expect(Name(rawValue: "\u{212A}elvin") == .kelvin, "this is what it is about")
        #expect(Name(exactly: "\u{212A}elvin") == nil && Name(exactly: "a\u{37E}b") == nil)
        #expect(Name(exactly: "other") == nil)
    }

    @Test("It is kept as the text that it is, as a key of an object too")
    func coded() throws {
        let texts: [ExactText: ExactText] = ["\u{212A}": "cafe\u{301}", "b": ""]
        let json = try JSONEncoder().encode(texts)
        #expect(try JSONDecoder().decode([ExactText: ExactText].self, from: json) == texts)
        #expect(try JSONDecoder().decode([String: String].self, from: json).count == 2)
    }
}
