import Testing

@testable import VirteeDialect

@Suite("What fits into a small client's buffer")
struct ShortSentenceTests {
    @Test("What fits stays as it is")
    func fits() {
        let text = "evidence_refused: The guest is another. [snp.measurement]"
        #expect(ShortSentence.of(text, upTo: 199) == text)
    }

    @Test("Long digests lose their end first, and what to do about it stays")
    func digests() {
        let digest = String(repeating: "ab", count: 48)
        let text =
            "evidence_refused: The measurement \(digest), not \(digest): register the image again. [snp.measurement]"
        let expected =
            "evidence_refused: The measurement abababab..., not abababab...: register the image again. [snp.measurement]"
        #expect(ShortSentence.of(text, upTo: 199) == expected)
    }

    @Test("The code and the check stay when words must go, and nothing is longer than it may be")
    func words() {
        let text =
            "evidence_refused: \(String(repeating: "many words ", count: 40))[snp.reported_tcb] (2 more checks failed)"
        let short = ShortSentence.of(text, upTo: 199)
        #expect(short.utf8.count <= 199)
        #expect(short.hasPrefix("evidence_refused: many words "))
        #expect(short.hasSuffix(" ... [snp.reported_tcb] (2 more checks failed)"))
        for text in ["x".repeated(500), "ä".repeated(500), "a [\("b".repeated(400))] c", "[" + "ü ".repeated(300)] {
            for limit in [1, 20, 199] { #expect(ShortSentence.of(text, upTo: limit).utf8.count <= limit) }
        }
    }
}

extension String {
    fileprivate func repeated(_ count: Int) -> String { String(repeating: self, count: count) }
}
