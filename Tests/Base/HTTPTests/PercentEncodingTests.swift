import HTTP
import Testing

@Suite("Percent-encoding")
struct PercentEncodingTests {
    @Test(
        "Text goes through a URL and back",
        arguments: ["", "web-1", "a/b c?d=e&f#g%", "über", "\u{0}\n", "kbs:///x", "+"])
    func bothWays(_ text: String) {
        let encoded = PercentEncoding.encode(text)
        #expect(
            encoded.utf8.allSatisfy {
                $0 == UInt8(ascii: "%") || Character(Unicode.Scalar($0)).isLetter || (48...57).contains($0)
            })
        #expect(PercentEncoding.decode(encoded) == text)
    }

    @Test("What is not encoded means itself", arguments: [("a+b", "a+b"), ("%41%c3%bc", "Aü"), ("%2f", "/")])
    func decoding(_ text: String, _ meaning: String) { #expect(PercentEncoding.decode(text) == meaning) }

    @Test("What is cut short, no hex or no UTF-8 is refused", arguments: ["%", "%4", "a%g1", "%ff", "%C3", "%%41"])
    func refused(_ text: String) { #expect(PercentEncoding.decode(text) == nil) }
}
