import Broker
import Bytes
import Evidence
import EvidenceSupport
import Formats
import Foundation
import SimulatedHardware
import Testing
import VirteeDialect

/// What libkrun's and the reference's clients send, decoded.
@Suite("The virtee protocol's bodies")
struct BodyTests {
    private static let measurement = String(repeating: "ab", count: 48)

    private static func registration(_ change: (String) -> String = { $0 }) -> [UInt8] {
        let text = #"{"workload_id":"web","launch_measurement":"\#(measurement)","tee_config":"","passphrase":"hush"}"#
        return Array(change(text).utf8)
    }

    private static func sentence(_ body: () throws -> Void) -> String {
        do { try body() } catch let refusal as Refusal { return refusal.sentence } catch { return "\(error)" }
        return "taken"
    }

    @Test("A registration is read as it is meant")
    func registration() throws {
        let registration = try Registration(virteeJSON: Self.registration())
        #expect(registration.id.text == "web")
        #expect(registration.secret.withBytes { Array($0) } == Array("hush".utf8))
    }

    @Test(
        "Bits of the guest policy that are not known are refused, and those of every client are taken",
        arguments: [(15, true), (63, true), (1023, true), (1024, false), (32_768, false)])
    func policyBits(_ bits: Int, _ isKnown: Bool) throws {
        let configuration = #"{\"flags\":{\"bits\":\#(bits)},\"minfw\":{\"major\":0,\"minor\":0}}"#
        let body = Self.registration {
            $0.replacing(#""tee_config":"""#, with: #""tee_config":"\#(configuration)""#)
        }
        do {
            let registration = try Registration(virteeJSON: body)
            #expect(isKnown)
            #expect(
                registration.launch
                    == .snp(
                        measurement: Array(repeating: 0xAB, count: 48),
                        policy: GuestPolicy(rawValue: UInt64(bits) << 16).union(.reservedOne)))
        } catch let refusal as Refusal {
            #expect(!isKnown && refusal.code == .invalidField && refusal.sentence.contains("flags.bits"))
        }
    }

    @Test(
        "A comma too many, a byte order mark, a member twice and something behind the end are refused in each body",
        arguments: 0..<4)
    func strict(fault: Int) {
        func spoil(_ text: String) -> [UInt8] {
            let spoilt =
                switch fault {
                case 0: "\(text.dropLast()),}"
                case 1: "\u{FEFF}\(text)"
                case 2: "\(text.dropLast()),\"tee\":\"snp\",\"tee\":\"snp\"}"
                default: "\(text) x"
                }
            return Array(spoilt.utf8)
        }
        let wrong = "The body is not JSON that can be used: "
        #expect(
            Self.sentence {
                _ = try Registration(virteeJSON: spoil(String(decoding: Self.registration(), as: UTF8.self)))
            }
            .hasPrefix(wrong))
        #expect(
            Self.sentence { _ = try ChallengeRequest(virteeJSON: spoil(#"{"workload_id":"web"}"#)) }.hasPrefix(wrong))
        #expect(Self.sentence { _ = try VirteeAnswer(json: spoil(#"{"tee-evidence":"{}"}"#)) }.hasPrefix(wrong))
    }

    @Test("A fault in what a text holds is found at its place, and none of the body is repeated")
    func place() throws {
        func challenge(_ parameters: String) -> String {
            let message: JSONValue = ["tee": "sev", "extra-params": .text(parameters)]
            return Self.sentence { _ = try ChallengeRequest(virteeJSON: message.encoded) }
        }
        #expect(
            challenge(#"{"workload_id":"web","chain":{"ca":{"ask":[1]}}}"#)
                == "The field extra-params.chain.sev is missing.")
        #expect(
            challenge(#"{"workload_id":"web","chain":{"ca":{"ask":[1,256]},"sev":{}}}"#).hasPrefix(
                "The field extra-params.chain.ca.ask.1 has a value that cannot be used: 256 where a whole number of 0 to 255"
            ))
        let wrong = Self.registration { $0.replacing("\"hush\"", with: "[\"hush\"]") }
        #expect(
            Self.sentence { _ = try Registration(virteeJSON: wrong) }
                == "The field passphrase has a value of the wrong type: an array where a text may stand.")
        let broken = #"{"tee-evidence":"{\"report\":\"hush\",}"}"#
        let sentence = Self.sentence { _ = try VirteeAnswer(json: Array(broken.utf8)) }
        #expect(
            sentence.hasPrefix("The field tee-evidence holds a text that is not JSON") && !sentence.contains("hush"))
    }

    @Test("What a simulated guest sends is read, in a text and as itself")
    func simulated() throws {
        let guest = try Simulated.guest("web")
        let nonce = String(repeating: "0", count: 64)
        guard case .snp(let answer, _) = try VirteeAnswer(json: guest.evidence(for: nonce)).proof else {
            Issue.record("it is no SNP guest's")
            return
        }
        #expect(answer.certificates == guest.certificates)
        let sev = try ChallengeRequest(
            virteeJSON: SimulatedSEVGuest(workload: "web", on: Simulated.sev, digest: Simulated.digest("web")).request)
        guard case .sev(_, _, let chain) = sev else {
            Issue.record("it is no SEV guest's")
            return
        }
        #expect(chain.pdh.bytes == (try Simulated.sev.chain.pdh.bytes))
    }

    @Test("RSA keys that are weak, huge or nonsense are refused")
    func guestKeys() throws {
        let guest = try Simulated.guest("web")
        func big(_ bytes: [UInt8]) -> String { Data(bytes).base64EncodedString() }
        let exponent = big([1, 0, 1])
        let modulus = Array(try #require(Data(base64Encoded: guest.modulus)))
        for (n, e) in [
            ("", exponent), ("!", exponent), (big([]), exponent), (big(Array(modulus.prefix(128))), exponent),
            (big(Array(repeating: 0xFF, count: 513)), exponent), (big(Array(repeating: 0xFF, count: 4_096)), exponent),
            (guest.modulus, ""), (guest.modulus, big([0])), (guest.modulus, big([1])), (guest.modulus, big([2])),
            (guest.modulus, big(Array(repeating: 0xFF, count: 256))), (big(Array(repeating: 0, count: 256)), exponent),
        ] {
            #expect(throws: Refusal.self, "\(n.prefix(8)) \(e.prefix(8))") { try GuestKey(modulus: n, exponent: e) }
        }
        #expect(throws: Never.self) { try GuestKey(modulus: guest.modulus, exponent: guest.exponent) }
    }
}
