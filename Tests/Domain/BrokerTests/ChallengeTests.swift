import Bytes
import Crypto
import Evidence
import Foundation
import Testing

@testable import Broker

@Suite("Sealed challenges")
struct ChallengeTests {
    let keys = ServerKeys(master: SymmetricKey(size: .bits256))

    private func opened(_ text: String) -> Challenge? {
        OpenedChallenge(sealed: text, with: HeldKeys(active: keys, previous: []))?.challenge
    }

    func challenge(_ subject: Challenge.Subject) -> Challenge {
        Challenge(
            id: Challenge.randomID(), expires: Date(timeIntervalSince1970: 4_000_000_000), subject: subject)
    }

    static let subjects: [Challenge.Subject] = [
        .guest(.snp), .guest(.sample), .workload(.max, .snp), .workload(1, .sample),
        .sev(.max, SEVFirmwareBuild(major: 1, minor: 55, build: 255), denials: [UInt8](repeating: 7, count: 8)),
    ]

    @Test("A sealed challenge fits the clients' buffers and opens again", arguments: subjects)
    func roundTrip(subject: Challenge.Subject) {
        let challenge = challenge(subject)
        let sealed = challenge.sealed(with: keys)
        #expect(sealed.utf8.count <= 99)
        #expect(sealed.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") })
        #expect(opened(sealed) == challenge)
    }

    @Test("A change of any bit of a sealed challenge is noticed", arguments: subjects)
    func tampering(subject: Challenge.Subject) throws {
        let sealed = challenge(subject).sealed(with: keys)
        let standard = sealed.replacing("-", with: "+").replacing("_", with: "/")
        let padded = standard + String(repeating: "=", count: (4 - standard.count % 4) % 4)
        let bytes = Array(try #require(Data(base64Encoded: padded)))
        for bit in 0..<bytes.count * 8 {
            var changed = bytes
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            let text = Data(changed).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
                .replacing("=", with: "")
            #expect(opened(text) == nil, "bit \(bit)")
        }
    }

    @Test("Another server's challenge does not open")
    func otherKey() {
        let sealed = challenge(.guest(.snp)).sealed(with: ServerKeys(master: SymmetricKey(size: .bits256)))
        #expect(opened(sealed) == nil)
    }

    @Test(
        "Text that is no challenge does not open",
        arguments: ["", "=", "AAAA", "é", "a b", String(repeating: "A", count: 100_000)])
    func garbage(text: String) {
        #expect(opened(text) == nil)
    }

    @Test("Nonces are 32 bytes that no two challenges share, and channel keys differ from each other")
    func derivation() {
        let (first, second) = (Challenge.randomID(), Challenge.randomID())
        #expect(keys.nonce(for: first).count == 32)
        #expect(keys.nonce(for: first) != keys.nonce(for: second))
        #expect(keys.nonce(for: first) == keys.nonce(for: first))
        let channel = keys.transportKeys(for: first)
        #expect(channel.encryption != channel.integrity)
        #expect(channel.encryption != keys.transportKeys(for: second).encryption)
    }

    @Test("A secret can neither be printed nor be seen in a mirror")
    func secret() {
        let secret = Secret(Array("hunter2".utf8))
        var dumped = ""
        dump(secret, to: &dumped)
        for text in ["\(secret)", String(reflecting: secret), dumped, "\([secret])"] {
            #expect(!text.contains("hunter2"))
        }
        #expect("\(secret)" == "Secret(7 bytes)")
    }

    @Test("An id has 1 to 128 of the allowed characters, without two dots together")
    func workloadIDs() {
        for good in ["a", "a.b", "A-Z_0:9/x@y+z", String(repeating: "a", count: 128)] {
            #expect(throws: Never.self) { try WorkloadID(good) }
        }
        for bad in ["", "..", "a..b", "a b", "a\0", "ä", "a\n", "a%2F", "\\", "'", String(repeating: "a", count: 129)] {
            #expect(throws: Refusal.self) { try WorkloadID(bad) }
        }
    }
}
