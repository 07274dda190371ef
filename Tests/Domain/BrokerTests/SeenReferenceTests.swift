import BrokerSupport
import Bytes
import Evidence
import EvidenceSupport
import Foundation
import SimulatedHardware
import Testing

@testable import Broker

@Suite("Reference values from guests that were seen")
struct SeenReferenceTests {
    private func attempt(
        _ claims: Claims?, genuine: Bool = true, code: Refusal.Code? = .policyRefused
    ) throws -> RecordedAttempt {
        let verdict = #"{"accepted":false,"checks":[],"genuine":\#(genuine)}"#
        return RecordedAttempt(
            id: 7, time: Date(timeIntervalSince1970: 1_760_000_000), action: "guest.attest", workload: "", tee: "snp",
            session: "ab", chip: "cd", code: code, sentence: "", verdict: try VerdictRecord(json: verdict),
            verdictJSON: verdict, claims: claims.map { GuestClaims($0).json })
    }

    private func claims(debug: Bool = false) throws -> Claims {
        var template = try Simulated.guest("app").template
        template.policy = debug ? [.smtAllowed, .debugAllowed] : [.smtAllowed]
        let guest = try Simulated.guest("app")
        return try AttestationReport(bytes: template.signed(by: guest.signer)).claims(of: .milan)
    }

    @Test("The digest of the kind that is wanted is taken, with what the guest was")
    func taken() throws {
        let value = try ReferenceValue(seenIn: attempt(claims()), as: .measurement)
        #expect(value.bytes == Simulated.measurement("app") && value.period == .always)
        #expect(value.provenance?.origin == .seen)
        #expect(
            value.provenance?.parameters == [
                "attempt": "7", "time": "2025-10-09T08:53:20Z", "tee": "snp", "action": "guest.attest",
                "outcome": "refused: policy_refused", "chip": "cd", "session": "ab",
            ])
        let host = try ReferenceValue(seenIn: attempt(claims()), as: .hostData)
        #expect(host.bytes.count == 32)
    }

    @Test("Evidence that is not genuine, or was none, is no example")
    func notGenuine() throws {
        for attempt in [try attempt(nil), try attempt(claims(), genuine: false)] {
            let refusal = #expect(throws: Refusal.self) { try ReferenceValue(seenIn: attempt, as: .measurement) }
            #expect(refusal?.sentence.contains("genuine") == true)
        }
    }

    @Test("Nor is a guest that its host may change, or one whose evidence states no such digest")
    func unfit() throws {
        let debug = #expect(throws: Refusal.self) {
            try ReferenceValue(seenIn: attempt(claims(debug: true)), as: .measurement)
        }
        #expect(debug?.sentence.contains("debug") == true)
        #expect(throws: Refusal.self) { try ReferenceValue(seenIn: attempt(claims()), as: .number) }
        #expect(throws: Refusal.self) { try ReferenceValue(seenIn: attempt(Claims(.sample)), as: .measurement) }
    }
}
