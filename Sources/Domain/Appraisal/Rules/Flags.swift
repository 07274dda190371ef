import Bytes

/// Words that stand for bits of a claim.
struct Flags: Sendable {
    struct Flag: Sendable {
        let word: String
        let bit: UInt64
        /// The bit's meaning, within a sentence.
        let meaning: String
        /// The warning of `kbs policy explain`; `nil` for none.
        let danger: String?
    }

    let flags: [Flag]

    init(_ flags: [(String, UInt64, String, String?)]) {
        self.flags = flags.map { Flag(word: $0.0, bit: $0.1, meaning: $0.2, danger: $0.3) }
    }

    subscript(text: String) -> UInt64? { flags.first { ExactText($0.word) == ExactText(text) }?.bit }

    var wanted: String { "what there is: " + flags.map(\.word).joined(separator: ", ") }

    var all: UInt64 { flags.reduce(0) { $0 | $1.bit } }

    func words(of bits: UInt64) -> [Flag] { flags.filter { bits & $0.bit != 0 } }

    func meanings(of bits: UInt64) -> String { words(of: bits).map(\.meaning).joined(separator: ", ") }
}
