import BrokerSupport
import Bytes
import Evidence
import EvidenceSupport
import Foundation
import Storage
import TestSupport
import Testing

@testable import Broker

@Suite("The audit trail")
struct AuditTests {
    private let folder: TemporaryFolder
    private let store: SQLiteStore
    private let time = Date(timeIntervalSince1970: 1_760_000_000.25)

    init() throws {
        folder = try TemporaryFolder()
        store = try SQLiteStore(file: folder.file("kbs.sqlite"), manifest: .tested)
    }

    private func write(_ count: Int) async throws {
        for number in 0..<count {
            try await store.record(
                [AuditRecord(.registerWorkload, by: .server, workload: "app/\(number)", at: time)], attempt: nil)
        }
    }

    private func verify(_ checkpoints: [Checkpoint] = []) async throws -> String? {
        var verifier = TrailVerifier(checkpoints: checkpoints)
        do {
            for entry in try await store.auditEntries(after: 0, limit: 1_000) { try verifier.read(entry) }
            try verifier.finish()
            return nil
        } catch let broken as BrokenTrail {
            return broken.description
        }
    }

    @Test("A record is one JSON object with sorted members, and what comes from outside cannot forge any")
    func canonical() throws {
        var record = AuditRecord(
            .attest, by: .anonymous("x\"},{\"action\":\"z"), .refused, workload: "a", code: .evidenceRefused, at: time)
        record.details = ["note": "line\nend \u{1} \\ \" ü"]
        #expect(record.canonical.hasPrefix(#"{"action":"guest.attest","actor":"anonymous:x"#))
        #expect(!record.canonical.utf8.contains { $0 < 0x20 })
        let read = try JSONDecoder().decode([String: String].self, from: Data(record.canonical.utf8))
        #expect(read["note"] == "line\nend \u{1} \\ \" ü")
        #expect(read["actor"] == "anonymous:x\"},{\"action\":\"z")
        #expect(read["time"] == "2025-10-09T08:53:20.250Z")
        #expect(read["code"] == "evidence_refused" && read["outcome"] == "refused")
        record.details = ["action": "forged", "time": "forged"]
        #expect(!record.canonical.contains("forged"), "details do not displace the record's own members")
    }

    @Test("A trail that nobody touched is intact")
    func intact() async throws {
        try await write(20)
        #expect(try await verify() == nil)
        #expect(try await store.auditHead().sequence == 20)
    }

    @Test("An edited record is found")
    func edited() async throws {
        try await write(5)
        try store.tamper("UPDATE audit SET record = replace(record, 'app/2', 'app/9') WHERE seq = 3")
        #expect(try await verify()?.contains("Record 3 is not what was written") == true)
    }

    @Test("A deleted record is found, also when those after it are renumbered")
    func deleted() async throws {
        try await write(5)
        try store.tamper("DELETE FROM audit WHERE seq = 3")
        #expect(try await verify()?.contains("Record 4 follows record 2") == true)
        try store.tamper("UPDATE audit SET seq = seq - 1 WHERE seq > 3")
        #expect(try await verify()?.contains("Record 3") == true)
    }

    @Test("A record that someone gave the last number there is stops the trail, and not the server")
    func lastNumber() async throws {
        try await write(2)
        try store.tamper("UPDATE audit SET seq = \(Int64.max) WHERE seq = 2")
        await #expect(throws: BrokenTrail.self) { try await write(1) }
        #expect(try await verify()?.contains("Record \(Int64.max) follows record 1") == true)
        try store.tamper("UPDATE audit SET seq = \(Int64.min) WHERE seq = 1")
        await #expect(throws: BrokenTrail.self) { try await write(1) }
    }

    @Test("An attempt that cannot be read does not hide the others")
    func unreadableAttempts() async throws {
        func attempt(_ sentence: String) -> RecordedAttempt {
            RecordedAttempt(
                id: 0, time: time, action: "guest.attest", workload: "app", tee: "snp", session: "s", chip: "",
                code: nil, sentence: sentence, verdict: nil, verdictJSON: #"{"checks":[]}"#)
        }
        for sentence in ["first", "second", "third"] { try await store.record([], attempt: attempt(sentence)) }
        try store.tamper("UPDATE attempts SET verdict = 'not JSON' WHERE sentence = 'first'")
        try store.tamper("UPDATE attempts SET tee = 'tdx' WHERE sentence = 'second'")
        let found = try await store.attempts(AttemptSelection(), before: .max, limit: 10)
        #expect(found.map(\.sentence) == ["third", "second", "first"])
        #expect(found.last?.verdict == nil && found.last?.verdictJSON == "not JSON")
    }

    @Test("An inserted record is found")
    func inserted() async throws {
        try await write(3)
        try store.tamper("UPDATE audit SET seq = -seq WHERE seq >= 2")
        try store.tamper("UPDATE audit SET seq = 1 - seq WHERE seq < 0")
        try store.tamper("INSERT INTO audit SELECT 2, record, hash FROM audit WHERE seq = 1")
        #expect(try await verify()?.contains("Record 2") == true)
    }

    @Test("Records that change places are found")
    func reordered() async throws {
        try await write(3)
        try store.tamper("UPDATE audit SET seq = CASE seq WHEN 2 THEN -3 WHEN 3 THEN -2 ELSE seq END")
        try store.tamper("UPDATE audit SET seq = -seq WHERE seq < 0")
        #expect(try await verify()?.contains("Record 2") == true)
    }

    @Test("Cutting the end off leaves a valid chain, which only a checkpoint tells from the whole")
    func truncated() async throws {
        try await write(5)
        let checkpoint = try Checkpoint(try await store.auditHead(), at: time, signedBy: CheckpointKey())
        try await write(2)
        #expect(try await verify([checkpoint]) == nil)
        try store.tamper("DELETE FROM audit WHERE seq > 4")
        #expect(try await verify() == nil)
        #expect(try await verify([checkpoint])?.contains("The trail ends at record 4") == true)
        try store.tamper("DELETE FROM audit")
        #expect(try await verify([checkpoint])?.contains("The trail ends at record 0") == true)
    }

    @Test("A trail that was written anew with right hashes is told by a checkpoint")
    func rewritten() async throws {
        try await write(4)
        let checkpoint = try Checkpoint(try await store.auditHead(), at: time, signedBy: CheckpointKey())
        try store.tamper("DELETE FROM audit")
        for number in 0..<6 {
            try await store.record(
                [AuditRecord(.removeWorkload, by: .server, workload: "forged/\(number)", at: time)], attempt: nil)
        }
        #expect(try await verify() == nil)
        #expect(try await verify([checkpoint])?.contains("the trail up to it was rewritten") == true)
    }

    @Test("A checkpoint is signed over its sequence, hash and time, and reads back from its line")
    func checkpoints() throws {
        let key = CheckpointKey()
        let head = AuditHead(sequence: 7, hash: Array(repeating: 3, count: 32))
        let checkpoint = try Checkpoint(head, at: time, signedBy: key)
        let read = try Checkpoint(line: checkpoint.line)
        #expect(read == checkpoint && read.isSigned(by: key.publicKey))
        #expect(!read.isSigned(by: CheckpointKey().publicKey), "another key")
        for (old, new) in [
            ("\"sequence\":7", "\"sequence\":8"), ("0303", "0304"), ("2025-10-09", "2025-10-08"),
        ] {
            let changed = try Checkpoint(line: checkpoint.line.replacing(old, with: new, maxReplacements: 1))
            #expect(!changed.isSigned(by: key.publicKey), "\(new)")
        }
        #expect(try CheckpointKey(key.secret).publicKey == key.publicKey)
        for line in ["", "{}", "x", checkpoint.line.replacing("\"sequence\":7", with: "\"sequence\":-1")] {
            #expect(throws: MalformedInput.self) { try Checkpoint(line: line) }
        }
    }

    @Test("What a change is recorded as is written with it, or neither is")
    func oneTransaction() async throws {
        try await write(1)
        try store.tamper("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END")
        await #expect(throws: (any Error).self) {
            try await store.register(
                Simulated.registration("app"), sealed: Sealed(bytes: [1], masterKey: ""), replacing: true, at: time)
        }
        #expect(try await store.workload(WorkloadID("app")) == nil)
        try store.tamper("DROP TRIGGER full")
        try await store.register(
            Simulated.registration("app"), sealed: Sealed(bytes: [1], masterKey: ""), replacing: true, at: time)
        try store.tamper("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END")
        await #expect(throws: (any Error).self) { try await store.remove(WorkloadID("app")) }
        #expect(try await store.workload(WorkloadID("app")) != nil)
    }

    @Test("Strangers can write so many records in a minute, and the rest is counted")
    func budget() {
        let now = ContinuousClock.now
        let budget = RecordBudget(perMinute: 3, at: now)
        #expect((0..<5).map { _ in budget.spend(at: now) } == [true, true, true, false, false])
        #expect(budget.takeOmitted() == 2 && budget.takeOmitted() == 0)
        #expect(!budget.spend(at: now.advanced(by: .seconds(19))))
        #expect(budget.spend(at: now.advanced(by: .seconds(21))))
        #expect(!budget.spend(at: now), "a clock that goes back gives nothing")
    }

    @Test("Each actor can have so many refusals recorded in a minute, and each actor's others are counted")
    func actors() {
        let budgets = ActorBudgets()
        let now = ContinuousClock.now
        let written = (0..<300).count { _ in budgets.spend(.token("a"), at: now) }
        #expect(written == ActorBudgets.perMinute)
        #expect(budgets.spend(.token("b"), at: now), "another one has a budget of its own")
        #expect(budgets.takeOmitted() == [ExactText("token:a"): 290] && budgets.takeOmitted().isEmpty)
        for actor in 0..<10_000 {
            for _ in 0..<ActorBudgets.perMinute + 1 { _ = budgets.spend(.token("\(actor)"), at: now) }
        }
        let omitted = budgets.takeOmitted()
        #expect(omitted.count <= 17 && omitted.values.reduce(0, +) == 10_000, "bounded, and nothing is lost")
    }

    @Test("One session may ask for its key so often, and then must wait; others need not")
    func releases() {
        let limiter = ReleaseLimiter(.perMinute(10))
        let now = ContinuousClock.now
        for _ in 0..<10 { #expect(limiter.wait(for: [1], at: now) == nil) }
        #expect(limiter.wait(for: [1], at: now) == 7)
        #expect(limiter.wait(for: [2], at: now) == nil)
        #expect(limiter.wait(for: [1], at: now.advanced(by: .seconds(7))) == nil)
    }
}

@Suite("Access tokens")
struct AccessTokenTests {
    private let time = Date(timeIntervalSince1970: 1_760_000_000)

    @Test("A token proves itself by its secret, of which only a digest is kept")
    func matching() throws {
        let (token, text) = try AccessToken.make(role: .registrar, description: "ci", lifetime: 60, at: time)
        let (id, secret) = try #require(AccessToken.parse(text))
        #expect(id == token.id && token.matches(secret) && secret.count == 43)
        #expect(!token.matches(secret.dropLast() + "") && !token.matches(secret + "x") && !token.matches(""))
        let other = try AccessToken.make(role: .registrar, description: "", lifetime: 60, at: time)
        #expect(!token.matches(try #require(AccessToken.parse(other.text)).secret) && other.token.id != token.id)
        #expect(!token.digest.elementsEqual(secret.utf8))
    }

    @Test("A token is usable until it expires or is revoked")
    func expiry() throws {
        let (token, _) = try AccessToken.make(role: .admin, description: "", lifetime: 60, at: time)
        #expect(token.isUsable(at: time.addingTimeInterval(59)))
        #expect(!token.isUsable(at: time.addingTimeInterval(60)))
        let revoked = AccessToken(
            id: token.id, digest: token.digest, role: .admin, description: "", created: time, expires: token.expires,
            revoked: time)
        #expect(!revoked.isUsable(at: time))
    }

    @Test("What has not the form of a token is none")
    func forms() {
        for text in [
            "", "kbs", "kbs_", "kbs__x", "kbs_0123456789ab_", "kbs_0123456789a_x", "xyz_0123456789ab_x",
            "kbs_0123456789ab_" + String(repeating: "x", count: 200),
        ] { #expect(AccessToken.parse(text) == nil, "\(text)") }
        #expect(AccessToken.parse("kbs_0123456789ab_a_b")?.secret == "a_b")
    }

    @Test("A token's description is a short line, and it lives no longer than ten years")
    func limits() {
        for (description, lifetime) in [
            (String(repeating: "x", count: 65), 60.0), ("a\nb", 60), ("", 0), ("", -1), ("", 400_000_000), ("", .nan),
        ] {
            #expect(throws: Refusal.self) {
                try AccessToken.make(role: .admin, description: description, lifetime: lifetime, at: time)
            }
        }
    }

    @Test("Each role may do what it is for, and no more")
    func roles() {
        let all: Set<Role.Permission> = Set(Role.Permission.allCases)
        #expect(Set(all.filter(Role.admin.allows)) == all)
        #expect(
            Set(all.filter(Role.registrar.allows)) == [
                .readWorkloads, .changeWorkloads, .readResources, .changeResources, .readPolicies,
            ])
        #expect(
            Set(all.filter(Role.auditor.allows)) == [.readWorkloads, .readResources, .readPolicies, .audit])
    }
}
