import BrokerSupport
import Bytes
import Crypto
import Evidence
import EvidenceSupport
import Foundation
import SimulatedHardware
import Testing

@testable import Broker
@testable import Storage

@Suite("What is told of the machines that guests ran on")
struct StoreFleetTests {
    private static let current = TCBVersion(bootLoader: 4, tee: 0, snp: 22, microcode: 213)
    private static let old = TCBVersion(bootLoader: 4, tee: 0, snp: 20, microcode: 209)

    private static func chip(_ number: Int) -> [UInt8] { Simulated.digest("\(number)") + Simulated.digest("chip") }

    private func claims(
        chip: [UInt8], tcb: TCBVersion, launched: TCBVersion? = nil, product: Product? = .milan,
        keys: [[UInt8]] = [Simulated.digest("key")]
    ) -> Claims {
        var facts = SNPClaims(measurement: Simulated.measurement("app"), policy: .unstated)
        (facts.chipID, facts.product, facts.endorsement) = (chip, product, .vcek)
        (facts.reportedTCB, facts.currentTCB, facts.committedTCB) = (tcb, tcb, tcb)
        facts.launchTCB = launched ?? tcb
        var claims = facts.evidence
        if !keys.isEmpty { claims[SNPTerm.endorsingKeys] = .bytes(keys.flatMap(\.self)) }
        return claims
    }

    private func attempt(
        _ workload: String, _ claims: Claims?, code: Refusal.Code? = nil, tee: String = "snp", chip: String = "",
        verdict: VerdictRecord? = nil, address: String = "192.0.2.1", at time: Date
    ) -> RecordedAttempt {
        RecordedAttempt(
            id: 0, time: time, action: "guest.attest", workload: workload, tee: tee, session: "s", chip: chip,
            code: code,
            sentence: "", verdict: verdict, verdictJSON: verdict?.json ?? "",
            origin: RecordedAttempt.Origin(address: address), claims: claims.map { GuestClaims($0).json })
    }

    private func broker(_ place: StorePlace, floor: [Product: TCBVersion] = [:]) -> Broker {
        var policy = AppraisalPolicy()
        policy.snp.minimumTCB = floor
        return Broker(
            store: place.store, endorsements: NoEndorsements(), keys: KeyRing(master: .init(size: .bits256)),
            policy: policy, now: { place.now })
    }

    @Test(
        "Each chip has its latest firmware, its guests and its refusals; strangers name no machine",
        arguments: TestedStore.allCases)
    func machines(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        let (store, now) = (place.store, place.now)
        func ago(_ seconds: Double) -> Date { now.addingTimeInterval(-seconds) }
        let (first, second) = (Self.chip(1), Self.chip(2))
        let genuine = try VerdictRecord(json: #"{"accepted":false,"checks":[],"genuine":true}"#)
        let forged = try VerdictRecord(json: #"{"accepted":false,"checks":[],"genuine":false}"#)
        for attempt in [
            attempt("forgotten", claims(chip: Self.chip(9), tcb: Self.old), at: ago(9_000)),
            attempt("web", claims(chip: first, tcb: Self.old), at: ago(50)),
            attempt("db", claims(chip: first, tcb: Self.current), code: .evidenceRefused, at: ago(40)),
            attempt(
                "web", claims(chip: first, tcb: Self.current, launched: Self.old), address: "192.0.2.2", at: ago(30)),
            attempt("web", claims(chip: second, tcb: Self.current), at: ago(20)),
            // Hidden by its host, behind a cloud's key.
            attempt("web", claims(chip: Array(repeating: 0, count: 64), tcb: Self.current), at: ago(10)),
            // Nothing of these is proven.
            attempt("web", nil, code: .evidenceRefused, chip: Hex.encode(Self.chip(3)), at: ago(9)),
            attempt(
                "web", nil, code: .evidenceRefused, chip: Hex.encode(Self.chip(3)),
                verdict: forged, at: ago(9)),
            // An SEV guest answers with a measurement alone; its host was named when it was refused.
            attempt("sev", nil, tee: "sev", verdict: genuine, at: ago(8)),
            attempt(
                "sev", nil, code: .evidenceRefused, tee: "sev", chip: Hex.encode(Simulated.digest("cek")),
                verdict: genuine,
                at: ago(7)),
            attempt("damaged", claims(chip: second, tcb: Self.current), at: ago(6)),
        ] {
            try await store.record([], attempt: attempt)
        }
        try await store.tamper("UPDATE attempts SET claims = '{\"tee\":\"snp\"' WHERE workload = 'damaged'")
        let denied = Endorser(chip: second)
        let broker = self.broker(place, floor: [.milan: Self.current])
        try await broker.deny(denied, reason: "leaked", by: .server)

        let fleet = try await broker.fleet(since: ago(1_000))
        #expect(
            fleet.machines.map(\.name) == [
                Endorser(chip: first), Endorser(chip: Simulated.digest("cek")), .key(Simulated.digest("key")), denied,
            ])
        #expect(fleet.unnamed == 1 && fleet.unreadable == 1 && !fleet.isCut)
        #expect(fleet.floors == ["Milan": "04.00.22.213"])
        let seen = try #require(fleet.machines.first)
        #expect(seen.attempts == 3 && seen.refused == 1)
        #expect(seen.guests == ["web", "db"] && seen.addresses == ["192.0.2.2", "192.0.2.1"])
        #expect(seen.first == ago(50) && seen.last == ago(30))
        #expect(seen.claims?.firmware[SNPTerm.reportedTCB] == Self.current)
        #expect(seen.lags?.map(\.version) == ["launch_tcb", "launch_tcb"])
        let lower = seen.lags?.compactMap(\.component).map { "\($0.name) \($0.found) of \($0.floor)" }
        #expect(lower == ["SNP 20 of 22", "microcode 209 of 213"])
        #expect(fleet.machines.map(\.isDenied) == [false, false, false, true])
        #expect(
            fleet.machines[1].lags == nil && fleet.machines[1].tee == "sev", "what is not stated is held to nothing")
        #expect(fleet.machines[3].lags == [])

        // A floor that is only asked for: no more than those under it.
        let high = try await broker.fleet(since: ago(1_000), under: "milan=04.00.22.214")
        #expect(high.machines.count == 3 && high.machines.allSatisfy { !($0.lags ?? []).isEmpty })
        #expect(try await broker.fleet(since: ago(1_000), under: "genoa=10.00.23.25").machines.isEmpty)
        #expect(try await broker.fleet(since: ago(10_000)).machines.count == 5)
        try await place.close()
    }

    @Test("What evidence does not state is under every floor")
    func unstated() async throws {
        let place = try await StorePlace(.sqlite)
        var partial = claims(chip: Self.chip(1), tcb: Self.current)
        partial[SNPTerm.launchTCB] = nil
        try await place.store.record([], attempt: attempt("a", partial, at: place.now))
        let nameless = claims(chip: Self.chip(2), tcb: Self.current, product: nil)
        try await place.store.record([], attempt: attempt("b", nameless, at: place.now))
        let fleet = try await broker(place).fleet(since: place.now, under: "milan=01.00.01.01")
        #expect(Set(fleet.machines.compactMap { $0.lags?.map(\.version) }) == [["launch_tcb"], ["product"]])
        #expect(fleet.machines.allSatisfy { $0.lags?.first?.component == nil })
        #expect(
            try await broker(place).fleet(since: place.now).machines.allSatisfy { $0.lags == nil }, "no floor is set")
        try await place.close()
    }

    @Test(
        "A floor that cannot be read says what to write",
        arguments: [
            ("", "milan=04.00.22.213"), ("milan", "milan=04.00.22.213"), ("milan=1=2", "milan=04.00.22.213"),
            ("rome=1.2.3.4", "Milan, Genoa or Turin"), ("milan=1.2.3", "four numbers"),
            ("turin=1.2.3.4", "five numbers"),
            ("milan=1.2.3.4,Milan=1.2.3.5", "two floors"), ("milan=1.2.3.4,", "milan=04.00.22.213"),
        ])
    func unreadableFloors(_ text: String, _ advice: String) throws {
        let refusal = #expect(throws: Refusal.self) { try AppraisalPolicy().holding(firmwareTo: text) }
        #expect(refusal?.code == .invalidField && refusal?.sentence.contains(advice) == true, "\(refusal as Any)")
    }

    @Test("Ten thousand machines are told of, the latest seen, and that there are more")
    func bound() async throws {
        let place = try await StorePlace(.sqlite)
        let attempts = (0..<10_005).map { number in
            attempt("w", claims(chip: Self.chip(number), tcb: Self.current), at: place.now)
        }
        for start in stride(from: 0, to: attempts.count, by: 667) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for attempt in attempts[start..<min(start + 667, attempts.count)] {
                    group.addTask { try await place.store.record([], attempt: attempt) }
                }
                try await group.waitForAll()
            }
        }
        let fleet = try await broker(place).fleet(since: place.now)
        #expect(fleet.machines.count == 10_000 && fleet.isCut)
        try await place.close()
    }
}
