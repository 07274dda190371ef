import Bytes
import Testing

@Suite("Rows of combining marks")
struct CombiningMarksTests {
    private func refused(_ text: String) -> String? { refused(Array(text.utf8)) }

    private func refused(_ bytes: [UInt8]) -> String? {
        do throws(MalformedInput) { try CombiningMarks.check(bytes) } catch { return error.reason }
        return nil
    }

    @Test(
        "More than 32 in a row are refused, written or escaped, and in what has them inside",
        arguments: [
            "\u{301}", "\u{316}", "\u{1D165}", "\u{344}", "\u{F73}", "\u{F75}", "\u{F81}", #"\u0301"#, #"\uD834\uDD65"#,
            #"\ud834\udd65"#, #"\U00000301"#,
        ])
    func rows(_ mark: String) {
        #expect(refused("e" + String(repeating: mark, count: 32) + "e") == nil)
        #expect(refused("e" + String(repeating: mark, count: 33))?.contains("more than 32 combining marks") == true)
    }

    @Test("Escaped and written ones count together")
    func mixed() {
        #expect(refused(String(repeating: "\u{301}\\u0316", count: 17))?.contains("combining marks") == true)
    }

    @Test(
        "Text that people write is taken", arguments: ["Zoë", "e\u{301}", "שָׁלוֹם", "Tiếng Việt", "हिन्दी", "👩🏽‍🚀", "\\\\u0301"])
    func ordinary(_ text: String) { #expect(refused(String(repeating: text, count: 100)) == nil) }

    @Test("The second of two backslashes begins no escape")
    func backslashes() { #expect(refused(String(repeating: #"\\u0301"#, count: 40)) == nil) }

    @Test(
        "What another encoding could hide from this is refused",
        arguments: [
            [0x7B, 0x00], [0xFF, 0xFE, 0x7B], [0xC0, 0x80], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80],
            [0xF4, 0x90, 0x80, 0x80],
            [0xCC], [0xCC, 0x41], [0x80],
        ] as [[UInt8]])
    func encodings(_ bytes: [UInt8]) { #expect(refused(bytes) != nil) }
}
