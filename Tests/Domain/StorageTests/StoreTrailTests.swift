import Broker
import BrokerSupport
import Bytes
import Evidence
import EvidenceSupport
import Foundation
import SimulatedHardware
import Testing

@testable import Storage

/// What any store must keep of what happened, and what an operator asks of it.
@Suite("What a store remembers")
struct StoreTrailTests {
    private func attempt(_ workload: String, _ code: Refusal.Code?, at time: Date) -> RecordedAttempt {
        RecordedAttempt(
            id: 0, time: time, action: "guest.attest", workload: workload, tee: "snp", session: "s", chip: "c",
            code: code,
            sentence: code == nil ? "" : "no", verdict: nil, verdictJSON: "{}")
    }

    @Test("Records are chained in their order, and their hashes can be asked for", arguments: TestedStore.allCases)
    func chain(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        let (store, now) = (place.store, place.now)
        #expect(try await store.auditHead() == .start)
        #expect(try await store.auditEnd() == .start)
        #expect(try await !store.hasAuditRecord(of: .startServer))
        try await store.record([AuditRecord(.startServer, by: .server, at: now)], attempt: nil)
        try await store.record(
            (0..<5).map { AuditRecord(.omit, by: .server, details: ["text": "ä\u{0}\u{1F600}\($0)"], at: now) },
            attempt: nil)
        var verifier = TrailVerifier(checkpoints: [])
        let entries = try await store.auditEntries(after: 0, limit: 100)
        for entry in entries { try verifier.read(entry) }
        #expect(entries.count == 6)
        #expect(try await store.auditHead() == verifier.head)
        #expect(try await store.auditEnd() == verifier.head)
        #expect(try await store.auditHash(of: 3) == entries[2].hash)
        #expect(try await store.auditHash(of: 7) == nil)
        #expect(try await store.auditEntries(after: 2, limit: 2).map(\.sequence) == [3, 4])
        #expect(try await store.hasAuditRecord(of: .startServer))
        #expect(try await !store.hasAuditRecord(of: .stopServer))
    }

    @Test("A record that was inserted or removed past the servers differs from the head that PostgreSQL states")
    func otherEnd() async throws {
        let place = try await StorePlace(.postgresql)
        let (store, now) = (place.store, place.now)
        try await store.record([AuditRecord(.startServer, by: .server, at: now)], attempt: nil)
        try await store.tamper(
            "INSERT INTO audit (seq, record, hash) VALUES (9, '{}', decode(repeat('aa', 32), 'hex'))")
        await #expect(throws: BrokenTrail.self) { try await store.auditEnd() }
        try await store.tamper("DELETE FROM audit WHERE seq = 9")
        #expect(try await store.auditEnd().sequence == 1)
        try await store.tamper("UPDATE audit SET hash = decode(repeat('aa', 32), 'hex')")
        await #expect(throws: BrokenTrail.self) { try await store.auditEnd() }
        try await store.tamper("DELETE FROM audit")
        await #expect(throws: BrokenTrail.self) { try await store.auditEnd() }
    }

    @Test("Chips are found by the beginning of their id, in attempts and sessions", arguments: TestedStore.allCases)
    func chips(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        for chip in ["a1b2c3", "a1b2", "a1b2c3", "b1b2", ""] {
            try await place.store.record(
                [],
                attempt: RecordedAttempt(
                    id: 0, time: place.now, action: "guest.attest", workload: "", tee: "snp", session: "", chip: chip,
                    code: nil, sentence: "", verdict: nil, verdictJSON: ""))
        }
        #expect(try await place.store.chips(beginningWith: "a1b2", limit: 5) == ["a1b2", "a1b2c3"])
        #expect(try await place.store.chips(beginningWith: "a1b2", limit: 1) == ["a1b2"])
        #expect(try await place.store.chips(beginningWith: "b2", limit: 5).isEmpty)
    }

    @Test(
        "Attempts are found by workload and outcome, latest first, and the oldest are forgotten",
        arguments: TestedStore.allCases)
    func attempts(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        let (store, now) = (place.store, place.now)
        for (workload, code) in [("a", nil), ("a", .evidenceRefused), ("b", nil), ("a", .challengeUsed)]
            as [(String, Refusal.Code?)]
        {
            try await store.record([], attempt: attempt(workload, code, at: now.addingTimeInterval(0.5)))
        }
        let all = try await store.attempts(AttemptSelection(), before: .max, limit: 10)
        #expect(all.map(\.workload) == ["a", "b", "a", "a"])
        #expect(all.map(\.time) == Array(repeating: now.addingTimeInterval(0.5), count: 4))
        let refused = try await store.attempts(
            AttemptSelection(workload: "a", accepted: false), before: .max, limit: 10)
        #expect(refused.map(\.code) == [.challengeUsed, .evidenceRefused])
        #expect(try await store.attempts(AttemptSelection(accepted: true), before: .max, limit: 1).count == 1)
        #expect(
            try await store.attempts(AttemptSelection(), before: all[1].id, limit: 10).map(\.id) == [
                all[2].id, all[3].id,
            ])
        #expect(try await store.attempt(all[0].id) == all[0])
        try await store.trimAttempts(keeping: 2)
        #expect(try await store.attempts(AttemptSelection(), before: .max, limit: 10) == Array(all[..<2]))
        #expect(try await store.attempt(all[3].id) == nil)
    }

    @Test("A zero character in a text is no failure", arguments: TestedStore.allCases)
    func zeroCharacters(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        let (store, now) = (place.store, place.now)
        try await store.record([], attempt: attempt("a\0b", .malformed, at: now))
        #expect(try await store.attempts(AttemptSelection(workload: "a\0b"), before: .max, limit: 10).count == 1)
        #expect(try await store.workloads(after: "", search: "\0", limit: 10).isEmpty)
        #expect(try await store.token("\0") == nil)
        #expect(try await store.sessions(SessionSelection(chip: "\0"), after: [], limit: 10, at: now).isEmpty)
        let registration = try Registration(
            id: WorkloadID("app"), launch: .snp(measurement: Simulated.measurement("app"), policy: .unstated),
            configuration: "{\"a\":\"\0\"}", secret: Secret([1] as [UInt8]))
        let outcome = try await store.register(
            registration, sealed: Sealed(bytes: [1], masterKey: "k"), replacing: false, at: now)
        #expect(outcome.isReplacement == false)
        #expect(try await store.workload(registration.id) != nil)
    }

    @Test("Names are in the order of their bytes, and are searched for as they are", arguments: TestedStore.allCases)
    func order(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        for id in ["a", "B", "a-b", "a.b", "a_b", "A/c"] { _ = try await place.register(id) }
        let all = try await place.store.workloads(after: "", search: "", limit: 10).map(\.id.text)
        #expect(all == ["A/c", "B", "a", "a-b", "a.b", "a_b"])
        #expect(try await place.store.workloads(after: "", search: "_", limit: 10).map(\.id.text) == ["a_b"])
        #expect(try await place.store.workloads(after: "a.b", search: "a", limit: 10).map(\.id.text) == ["a_b"])
    }

    @Test(
        "A disabled workload's guests open no session and get no secret, until it is enabled",
        arguments: TestedStore.allCases)
    func disabling(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        let (store, now) = (place.store, place.now)
        _ = try await place.register("app")
        let id = try WorkloadID("app")
        let (first, second) = (try await place.session(1, of: "app"), try await place.session(2, of: "app"))
        #expect(try await store.insert(first))
        let workload = try #require(try await store.workload(id))
        func release() async throws -> Bool {
            try await store.record(
                ResourceRelease(
                    .workload(workload, policy: nil), to: .attested(first.id), denyListState: store.denyListState),
                at: now,
                recording: AuditRecord(.releaseSecret, by: .guest, at: now)) == .done
        }
        func set(_ isDisabled: Bool) async throws -> ChangeOutcome {
            try await store.setDisabled(
                isDisabled, id, expecting: nil, recording: AuditRecord(.disableWorkload, by: .server, at: now))
        }
        #expect(try await release())
        #expect(try await set(true) == .done)
        #expect(try await !release())
        #expect(try await !store.insert(second))
        #expect(try await store.workload(id)?.isDisabled == true)
        _ = try await place.register("app")
        #expect(try await store.workload(id)?.isDisabled == true, "to register it again does not enable it")
        #expect(try await set(false) == .done)
        let third = try await place.session(3, of: "app")
        #expect(try await store.insert(third))
    }

    @Test("A change of another state than was expected is not made", arguments: TestedStore.allCases)
    func expectations(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        let (store, now) = (place.store, place.now)
        let id = try WorkloadID("app")
        let record = AuditRecord(.removeWorkload, by: .server, at: now)
        #expect(try await store.remove(id, expecting: .any, recording: record) == .missing)
        _ = try await place.register("app")
        let old = try #require(try await store.workload(id)).revision
        _ = try await place.register("app")
        let entries = try await store.auditEntries(after: 0, limit: 100).count
        #expect(try await store.remove(id, expecting: .revision(old), recording: record) == .changed)
        #expect(
            try await store.setDisabled(true, id, expecting: .revision(old), recording: record) == .changed)
        let outcome = try await store.register(
            Simulated.registration("app"), sealed: Sealed(bytes: [1], masterKey: "k"), replacing: true,
            expecting: .revision(old), at: now
        ) { _ in record }
        #expect(outcome == .changed)
        #expect(try await store.auditEntries(after: 0, limit: 100).count == entries)
        let new = try #require(try await store.workload(id)).revision
        #expect(try await store.remove(id, expecting: .revision(new), recording: record) == .done)
    }

    @Test("Sessions are listed by what they belong to, page by page", arguments: TestedStore.allCases)
    func sessions(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        let (store, now) = (place.store, place.now)
        for id in ["a", "b"] { _ = try await place.register(id) }
        for (number, workload) in [(200, "a"), (3, "b"), (100, "a")] as [(UInt8, String)] {
            let session = try await place.session(number, of: workload)
            #expect(try await store.insert(session))
        }
        func list(_ selection: SessionSelection, after: [UInt8] = []) async throws -> [UInt8?] {
            try await store.sessions(selection, after: after, limit: 2, at: now).map { $0.id.first }
        }
        #expect(try await list(.all) == [3, 100])
        #expect(try await list(.all, after: Array(repeating: 100, count: 16)) == [200])
        #expect(try await list(SessionSelection(workload: WorkloadID("a"), chip: "c0ffee")) == [100, 200])
        #expect(try await list(SessionSelection(chip: "other")).isEmpty)
        #expect(try await list(SessionSelection(id: Array(repeating: 3, count: 16))) == [3])
        #expect(try await store.sessions(.all, after: [], limit: 9, at: now.addingTimeInterval(100)).isEmpty)
    }

    @Test("Documents are listed, read and removed by their fingerprints", arguments: TestedStore.allCases)
    func inventory(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        let (store, snp) = (place.store, try Simulated.snp)
        let (x, y) = (EndorsementName("x"), EndorsementName("y"))
        let documents = [
            EndorsementDocument(snp.ark, named: y), EndorsementDocument(snp.ask, above: [snp.ark], named: x),
        ]
        try await store.keep(documents)
        let all = try await store.endorsements(after: [], limit: 10)
        #expect(Set(all.map(\.document)) == Set(documents))
        #expect(try await store.endorsements(after: all[0].document.fingerprint, limit: 10) == [all[1]])
        #expect(try await store.endorsement(all[1].document.fingerprint) == all[1])
        let record = AuditRecord(.removeEndorsement, by: .server, at: place.now)
        #expect(try await store.removeEndorsement(snp.ark.fingerprint, recording: record))
        #expect(try await !store.removeEndorsement(snp.ark.fingerprint, recording: record))
        #expect(try await store.endorsement(snp.ark.fingerprint) == nil)
        #expect(try await store.endorsements(named: [y, x]) == [documents[1]])
        #expect(try await store.auditHead().sequence == 1)
    }
}
