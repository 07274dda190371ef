import Bytes
import EvidenceSupport
import Foundation
import SimulatedHardware
import TestSupport
import Testing

@testable import Evidence

@Suite("What evidence rests on")
struct EndorserTests {
    @Test("Turin's chip is the same with the zeros that a report has behind it")
    func turin() throws {
        let chip: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]
        #expect(Endorser(chip: chip + [UInt8](repeating: 0, count: 56)) == Endorser(chip: chip))
        #expect(try Endorser(.chip, hex: "0102030405060708").name == "chip/0102030405060708")
    }

    @Test("What names no chip and no key is refused, in words that say what does")
    func unusable() throws {
        let zeros = String(repeating: "0", count: 128)
        for (kind, hex) in [
            (.chip, ""), (.chip, "x"), (.chip, "0102"), (.chip, zeros), (.chip, zeros + "00"), (.key, ""),
            (.key, String(repeating: "a", count: 62)), (.key, zeros),
        ] as [(Endorser.Kind, String)] {
            #expect(throws: MalformedInput.self, "\(kind) \(hex)") { try Endorser(kind, hex: hex) }
        }
        for name in ["", "chip", "chip/", "key/aa", "chop/0102030405060708", "/0102030405060708", "chip//01"] {
            #expect(Endorser(name: name) == nil, "\(name)")
        }
        let name = "key/" + String(repeating: "ab", count: 32)
        #expect(Endorser(name: name)?.name == name && Endorser(name: name.uppercased()) == nil)
    }

    @Test("A key is named alike in PEM and DER, and what is no certificate names none")
    func forms() throws {
        let platform = try Simulated.snp
        let expected = Endorser.key(platform.ask.publicKeyFingerprint)
        #expect(try Endorser.key(ofCertificate: platform.ask.der) == expected)
        #expect(try Endorser.key(ofCertificate: Array(platform.ask.pem.utf8)) == expected)
        for file in [[], Array("nothing".utf8), Array((platform.ask.pem + platform.ark.pem).utf8)] as [[UInt8]] {
            #expect(throws: MalformedInput.self) { try Endorser.key(ofCertificate: file) }
        }
    }

    @Test("A certificate of SEV's own form names its key", .enabled(if: Vectors.arePresent))
    func ownForm() throws {
        let chain = try Vectors.naples()
        for (bytes, fingerprint) in [
            (chain.cek.bytes, chain.cek.publicKeyFingerprint), (chain.pek.bytes, chain.pek.publicKeyFingerprint),
            (chain.ask.bytes, chain.ask.publicKeyFingerprint), (chain.ark.bytes, chain.ark.publicKeyFingerprint),
        ] {
            #expect(try Endorser.key(ofCertificate: bytes) == .key(try #require(fingerprint)))
        }
    }

    @Test(
        "AMD's key is one in both forms that AMD publishes it in: to deny it holds for SEV and SEV-SNP",
        .enabled(if: Vectors.arePresent), arguments: ["milan", "genoa", "turin"], ["ark", "ask"])
    func published(_ product: String, _ authority: String) throws {
        let folder = "trust/amd/\(product)"
        let sev = try Endorser.key(ofCertificate: Vectors.bytes("\(folder)/sev-\(authority).cert"))
        #expect(sev == (try Endorser.key(ofCertificate: Vectors.bytes("\(folder)/\(authority).pem"))))
    }
}
