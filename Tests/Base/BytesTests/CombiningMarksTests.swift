import Bytes
import Testing

@Suite("Combining marks")
struct CombiningMarksTests {
    @Test(
        "What is put in order among its neighbours is a mark",
        arguments: ["\u{301}", "\u{316}", "\u{1D165}", "\u{344}", "\u{F73}", "\u{F75}", "\u{F81}"] as [Unicode.Scalar])
    func marks(_ scalar: Unicode.Scalar) { #expect(CombiningMarks.isMark(scalar)) }

    @Test(
        "A letter, a sign and a joiner are none", arguments: ["e", "é", "ह", "👩", "\u{200D}", "\\"] as [Unicode.Scalar])
    func others(_ scalar: Unicode.Scalar) { #expect(!CombiningMarks.isMark(scalar)) }
}
