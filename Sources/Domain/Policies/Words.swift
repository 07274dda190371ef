import Bytes
import Evidence

/// The words of a policy for bits of a report, and what they are in a sentence.
struct Words<Bits: OptionSet & Sendable>: Sendable where Bits.Element == Bits {
    struct Word: Sendable {
        let text: String
        let bit: Bits
        /// `allow`: what the guest lets its host do. `require`: what must be so.
        let meaning: String
    }

    let all: [Word]

    init(_ all: [(String, Bits, String)]) { self.all = all.map { Word(text: $0.0, bit: $0.1, meaning: $0.2) } }

    subscript(text: String) -> Bits? { all.first { ExactText($0.text) == ExactText(text) }?.bit }

    var wanted: String { "what there is: " + all.map(\.text).joined(separator: ", ") }

    func meanings(of bits: Bits) -> [String] { all.filter { bits.contains($0.bit) }.map(\.meaning) }
}

extension Words<GuestPolicy> {
    static let permissions = Words([
        ("smt", .smtAllowed, "run beside another thread of its core (SMT)"),
        ("debug", .debugAllowed, "be read and changed by its host (debug)"),
        ("migration_agent", .migrationAgentAllowed, "be moved by a migration agent"),
        ("cxl", .cxlAllowed, "have memory on CXL devices"),
    ])

    static let restrictions = Words([
        ("single_socket", .singleSocket, "a single socket"),
        ("memory_aes_256_xts", .memoryAES256XTS, "memory encryption with AES-256-XTS"),
        ("rapl_disabled", .raplDisabled, "no power readings (RAPL)"),
        ("ciphertext_hiding", .ciphertextHiding, "ciphertext hiding"),
        ("page_swap_disabled", .pageSwapDisabled, "no swapping of its pages"),
    ])
}

extension Words<PlatformFeatures> {
    static let platform = Words([
        ("tsme", .tsme, "transparent memory encryption (TSME)"),
        ("ecc", .ecc, "memory with error correction (ECC)"),
        ("rapl_disabled", .raplDisabled, "power readings turned off (RAPL)"),
        ("ciphertext_hiding", .ciphertextHiding, "ciphertext hiding"),
        ("alias_check", .aliasCheckComplete, "a check of its memory modules for aliases (BadRAM)"),
    ])
}
