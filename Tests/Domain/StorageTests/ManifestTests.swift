import Broker
import BrokerSupport
import Bytes
import Crypto
import Evidence
import EvidenceSupport
import Foundation
import TestSupport
import Testing

@testable import Storage

/// Somebody who writes to the database, and has no master key, makes nothing of it good.
@Suite("Rows that decide, against the manifest")
struct ManifestTests {
    /// A workload, a policy with reference values, two versions of a resource, a token.
    private func filled(_ kind: TestedStore) async throws -> StorePlace {
        let place = try await StorePlace(kind)
        _ = try await place.register("app")
        try await setPolicy("web", place)
        try await setPolicy("lax", place)
        _ = try await place.done(place.put(1, policy: .named(PolicyName("web"))))
        _ = try await place.register("named", under: PolicyName("web"))
        try await place.store.insert(token, recording: record)
        return place
    }

    private let record = AuditRecord(.startServer, by: .server, at: Date(timeIntervalSince1970: 0))
    private let token = AccessToken(
        id: "0123456789ab", digest: [UInt8](repeating: 1, count: 32), role: .auditor, description: "d",
        created: Date(timeIntervalSince1970: 1), expires: Date(timeIntervalSince1970: 2_000_000_000), revoked: nil)

    private func setPolicy(_ name: String, _ place: StorePlace, document: String = "") async throws {
        let values = try PolicyName("\(name)-values")
        let set = try ReferenceValueSet(
            name: values, kind: .measurement, values: [Simulated.measurement(name)], source: "a test",
            expires: Date(timeIntervalSince1970: 2_000_000_000))
        _ = try await place.store.set(set, expecting: nil, at: place.now) { _ in record }
        var policy = Policy(name: try PolicyName(name))
        policy.measurements = [.set(values)]
        _ = try await place.store.set(policy, document: document, expecting: nil, at: place.now) { _ in record }
    }

    /// Everything that a guest's or an operator's request reads of these rows.
    ///
    /// - Returns: which of them were refused.
    private func refused(_ store: any ExaminedStore, _ path: ResourcePath) async throws -> Set<String> {
        let policy = try PolicyName("web")
        let (values, workload) = (try PolicyName("web-values"), try WorkloadID("app"))
        let reads: [(String, () async throws -> Void)] = [
            ("workload", { _ = try await store.workload(workload) }),
            ("secret", { _ = try await store.sealedSecret(of: workload) }),
            ("named", { _ = try await store.workload(WorkloadID("named")) }),
            ("policy", { _ = try await store.policy(policy) }),
            ("in force", { _ = try await store.policyInForce(policy) }),
            ("references", { _ = try await store.references(values) }),
            ("resource", { _ = try await store.resource(path) }),
            ("sealed", { _ = try await store.sealedResource(path) }),
            ("token", { _ = try await store.token("0123456789ab") }),
        ]
        var refused: Set<String> = []
        for (name, read) in reads {
            do { try await read() } catch is ManifestViolation { refused.insert(name) }
        }
        return refused
    }

    /// What a thief changes, and what must not be given any more.
    private static let changes: [(sql: String, refused: Set<String>)] = [
        ("UPDATE workloads SET disabled = 1 - disabled", ["workload", "secret", "named"]),
        ("UPDATE workloads SET guest_policy = guest_policy + 1 WHERE id = 'app'", ["workload", "secret"]),
        ("UPDATE workloads SET policy = 'lax' WHERE id = 'named'", ["named"]),
        ("UPDATE workloads SET policy = 'lax', tee = 'policy' WHERE id = 'app'", ["workload", "secret"]),
        (
            "UPDATE workloads SET digest = (SELECT digests FROM reference_values WHERE name = 'lax-values')",
            ["workload", "secret"]
        ),
        (
            "UPDATE policies SET rules = (SELECT rules FROM policies WHERE name = 'lax') WHERE name = 'web'",
            ["policy", "in force"]
        ),
        ("UPDATE policies SET document = 'another' WHERE name = 'web'", ["policy"]),
        ("UPDATE policy_references SET reference_values = 'lax-values' WHERE policy = 'web'", ["in force"]),
        ("DELETE FROM policy_references WHERE policy = 'web'", ["in force"]),
        (
            "UPDATE reference_values SET digests = (SELECT digest FROM workloads WHERE id = 'app') WHERE name = 'web-values'",
            ["references", "in force"]
        ),
        ("UPDATE reference_values SET periods = substr(digests, 1, 0)", ["references", "in force"]),
        (
            "UPDATE reference_values SET periods = substr(digests, 1, 16) WHERE name = 'web-values'",
            ["references", "in force"]
        ),
        (
            "UPDATE reference_values SET superseded_by = 'lax-values' WHERE name = 'web-values'",
            ["references", "in force"]
        ),
        (
            "UPDATE reference_values SET provenance = '[{\"provenance\":{\"origin\":\"seen\"}}]' WHERE name = 'web-values'",
            ["references"]
        ),
        ("UPDATE resources SET policy = 'lax'", ["resource", "sealed"]),
        ("UPDATE resources SET disabled = 1 - disabled", ["resource", "sealed"]),
        ("UPDATE tokens SET role = 'admin'", ["token"]),
        ("UPDATE tokens SET expires = expires + 1", ["token"]),
        (
            "UPDATE manifest SET digest = (SELECT m.digest FROM manifest m WHERE m.name = 'lax' AND m.kind = 'policy')"
                + " WHERE name = 'web' AND kind = 'policy'", []
        ),
    ]

    @Test(
        "Whatever is changed past a key broker is refused, and everything else is given",
        arguments: TestedStore.allCases, Array(changes.indices))
    func changed(_ kind: TestedStore, _ number: Int) async throws {
        let place = try await filled(kind)
        let (sql, expected) = Self.changes[number]
        #expect(try await refused(place.store, place.path).isEmpty)
        try await place.store.tamper(sql)
        #expect(try await refused(place.store, place.path) == expected, "\(sql)")
        // Whoever looks at all of it finds it, also one that has just started.
        let fresh = try await place.reopen()
        #expect(try await !violations(fresh).isEmpty, "\(sql)")
    }

    private func violations(_ store: any ExaminedStore) async throws -> [String] {
        guard let store = store as? any ServerStore else { throw NoManifest() }
        return try await store.manifestViolations(limit: 10)
    }

    @Test(
        "An older row that is put back is refused, also with the manifest's row for it", arguments: TestedStore.allCases
    )
    func older(_ kind: TestedStore) async throws {
        let place = try await filled(kind)
        try await place.store.tamper("CREATE TABLE kept AS SELECT * FROM policies WHERE name = 'web'")
        try await place.store.tamper("CREATE TABLE listed AS SELECT * FROM manifest WHERE name = 'web'")
        try await place.store.tamper("CREATE TABLE seal AS SELECT * FROM manifest_seal")
        try await setPolicy("web", place, document: "stricter")
        #expect(try await refused(place.store, place.path).isEmpty)
        try await place.store.tamper(
            """
            UPDATE policies SET rules = (SELECT rules FROM kept), document = (SELECT document FROM kept),
                revision = (SELECT revision FROM kept) WHERE name = 'web'
            """)
        #expect(try await refused(place.store, place.path) == ["policy", "in force"])
        // With the manifest's own rows one that reads them anew sees that they are not the sealed ones.
        try await place.store.tamper(
            """
            UPDATE manifest SET digest = (SELECT l.digest FROM listed l WHERE l.kind = manifest.kind),
                state = (SELECT l.state FROM listed l WHERE l.kind = manifest.kind) WHERE name = 'web'
            """)
        let fresh = try await place.reopen()
        #expect(try await refused(fresh, place.path).count == 9, "a manifest that is none vouches for nothing")
        // And with the seal: for whoever has seen the later one.
        let seen = fresh
        try await seen.tamper(
            "UPDATE manifest_seal SET state = (SELECT state FROM seal), sealed = (SELECT sealed FROM seal)")
        #expect(try await refused(place.reopen(), place.path).contains("in force"), "other rows are later than it")
    }

    @Test("A whole older state is refused by whoever has seen the later one", arguments: TestedStore.allCases)
    func rolledBack(_ kind: TestedStore) async throws {
        let place = try await filled(kind)
        try await place.store.tamper("CREATE TABLE seal AS SELECT * FROM manifest_seal")
        _ = try await place.store.setDisabled(true, WorkloadID("app"), expecting: nil, recording: record)
        #expect(try await place.store.workload(WorkloadID("app"))?.isDisabled == true)
        try await place.store.tamper("UPDATE workloads SET disabled = 0")
        try await place.store.tamper(
            "UPDATE manifest_seal SET state = (SELECT state FROM seal), sealed = (SELECT sealed FROM seal)")
        #expect(try await refused(place.store, place.path).count == 9)
        let error = await #expect(throws: ManifestViolation.self) {
            try await place.store.setDisabled(false, WorkloadID("app"), expecting: nil, recording: record)
        }
        #expect(error != nil)
    }

    @Test("Rows that somebody adds or takes away do not count", arguments: TestedStore.allCases)
    func added(_ kind: TestedStore) async throws {
        let place = try await filled(kind)
        let digest = Hex.encode(Array(SHA256.hash(data: Array("secret".utf8))))
        let literal = kind == .sqlite ? "x'\(digest)'" : "'\\x\(digest)'"
        try await place.store.tamper(
            """
            INSERT INTO tokens (id, digest, role, description, created, expires)
                VALUES ('ba9876543210', \(literal), 'admin', '', 0, 2000000000)
            """)
        await #expect(throws: ManifestViolation.self) { try await place.store.token("ba9876543210") }
        try await place.store.tamper("DELETE FROM tokens WHERE id = '0123456789ab'")
        #expect(try await place.store.token("0123456789ab") == nil)
        let found = try await violations(place.reopen())
        #expect(found.contains { $0.contains("token ba9876543210") }, "\(found)")
    }

    @Test(
        "What a version is bound to stays with its bytes, and cannot be changed past a key broker",
        arguments: TestedStore.allCases)
    func binding(_ kind: TestedStore) async throws {
        let place = try await filled(kind)
        let (first, second) = (try HostDataBinding(Simulated.digest("a")), try HostDataBinding(Simulated.digest("b")))
        let path = try ResourcePath("default/bound/1")
        _ = try await place.done(place.put(1, at: path, policy: .named(PolicyName("web")), binding: first))
        let kept = try await place.done(place.put(2, at: path), replacing: true)
        #expect(kept.current.binding == first, "what is not said stays")
        _ = try await place.done(place.put(3, at: path, binding: second), replacing: true)
        for change: ResourceChange in [.policy(.named(try PolicyName("lax"))), .disabled(false), .current(1)] {
            _ = try await place.store.changeResource(path, change, expecting: nil, at: place.now) { _ in record }
        }
        #expect(try await place.store.versions(of: path).map(\.binding) == [second, first, first])
        #expect(try await place.store.sealedResource(path)?.resource.current.binding == first)
        let store = try await place.reopen()
        #expect(try await violations(store).isEmpty)
        for value in ["(SELECT digest FROM workloads WHERE id = 'app')", "NULL"] {
            try await store.tamper("UPDATE resource_versions SET host_data = \(value) WHERE host_data IS NOT NULL")
            await #expect(throws: (any Error).self) { try await store.sealedResource(path) }
            await #expect(throws: (any Error).self) {
                try await store.changeResource(path, .current(3), expecting: nil, at: place.now) { _ in record }
            }
        }
        #expect(try await !violations(store).isEmpty)
    }

    @Test(
        "An old version that was changed or taken away is found and accepted, and does not hold up disabling",
        arguments: TestedStore.allCases)
    func oldVersions(_ kind: TestedStore) async throws {
        for sql in [
            "UPDATE resource_versions SET host_data = (SELECT digest FROM tokens) WHERE version = 1",
            "UPDATE resource_versions SET policy = 'lax' WHERE version = 1",
            "DELETE FROM resource_versions WHERE version = 1", "DELETE FROM resource_versions",
        ] {
            let place = try await filled(kind)
            _ = try await place.done(place.put(2), replacing: true)
            func change(_ change: ResourceChange) async throws -> ResourceChangeOutcome {
                try await place.store.changeResource(place.path, change, expecting: nil, at: place.now) { _ in record }
            }
            #expect(try await violations(place.store).isEmpty)
            try await place.store.tamper(sql)
            let found = try await violations(place.store)
            #expect(found.count == 1 && found.first?.contains("the resource \(place.path)") == true, "\(found)")
            guard sql.contains("WHERE") else { continue }
            #expect(try await change(.disabled(true)) == .done)
            #expect(try await place.store.resource(place.path)?.isDisabled == true)
            for wanted: ResourceChange in [.disabled(false), .current(2), .policy(.none)] {
                await #expect(throws: ManifestViolation.self) { try await change(wanted) }
            }
            guard let store = place.store as? any ServerStore else { throw NoManifest() }
            #expect(try await violations(place.store).count == 1, "disabling vouches for no version")
            try await store.acceptRows(recording: record)
            #expect(try await violations(place.store).isEmpty)
            #expect(try await change(.disabled(false)) == .done)
        }
    }

    @Test("A change makes nothing good that somebody else wrote", arguments: TestedStore.allCases)
    func changesBuildOnNothingForeign(_ kind: TestedStore) async throws {
        let place = try await filled(kind)
        let app = try WorkloadID("app")
        try await place.store.tamper("UPDATE resources SET policy = 'lax'")
        await #expect(throws: ManifestViolation.self) {
            try await place.store.changeResource(place.path, .disabled(true), expecting: nil, at: place.now) { _ in
                record
            }
        }
        await #expect(throws: ManifestViolation.self) { try await place.put(2) }
        try await place.store.tamper("UPDATE resource_versions SET policy = 'lax'")
        try await place.store.tamper("UPDATE resources SET policy = 'web'")
        await #expect(throws: ManifestViolation.self) {
            try await place.store.changeResource(place.path, .current(1), expecting: nil, at: place.now) { _ in record }
        }
        try await place.store.tamper(
            "UPDATE workloads SET digest = (SELECT digests FROM reference_values WHERE name = 'lax-values')")
        await #expect(throws: ManifestViolation.self) {
            try await place.store.setDisabled(true, app, expecting: nil, recording: record)
        }
        // It can be taken away, or put anew.
        #expect(try await place.store.removeResource(place.path, expecting: nil, recording: record) == .done)
        _ = try await place.done(place.put(1, policy: .named(PolicyName("web"))))
        guard case .done(let workload, replaced: true) = try await place.register("app") else {
            Issue.record("It was not registered.")
            return
        }
        #expect(workload.isDisabled, "of what it was before nothing is believed")
        #expect(try await place.store.setDisabled(false, app, expecting: nil, recording: record) == .done)
        #expect(try await refused(place.store, place.path).isEmpty)
        #expect(try await violations(place.store).isEmpty)
    }

    @Test(
        "What somebody has hidden, with its line, does not come back after it was removed, and hides no token",
        arguments: TestedStore.allCases)
    func hidden(_ kind: TestedStore) async throws {
        let place = try await filled(kind)
        let app = try WorkloadID("app")
        #expect(try await refused(place.store, place.path).isEmpty)
        // The line alone: the removal is sealed nonetheless.
        let before = try #require(try await place.store.manifestSeal())
        try await place.store.tamper("DELETE FROM manifest WHERE kind = 'workload'")
        #expect(try await place.store.remove(app, expecting: nil, recording: record) == .done)
        let after = try #require(try await place.store.manifestSeal())
        #expect(after.state > before.state)
        // A row and its line together, as the operator will ask for it: nothing is built on them.
        try await place.store.tamper("UPDATE resources SET policy = 'lax'")
        let lax = try await place.store.resources(after: "", search: "", limit: 1).map { ManifestEntry($0) }
        let digest = Hex.encode(try #require(lax.first).digest)
        let literal = kind == .sqlite ? "x'\(digest)'" : "'\\x\(digest)'"
        try await place.store.tamper("UPDATE manifest SET digest = \(literal) WHERE kind = 'resource'")
        await #expect(throws: ManifestViolation.self) { try await place.put(2) }
        // Without tokens a server would let everybody on its machine register.
        try await place.store.tamper("DELETE FROM tokens")
        #expect(try await place.store.hasTokens())
        #expect(try await place.store.tokens().isEmpty)
    }

    @Test(
        "An operator can vouch for rows as they are, and servers at work take the new manifest",
        arguments: TestedStore.allCases)
    func accepted(_ kind: TestedStore) async throws {
        let place = try await filled(kind)
        _ = try await place.done(place.put(2), replacing: true)
        #expect(try await refused(place.store, place.path).isEmpty)
        try await place.store.tamper("UPDATE resources SET policy = 'lax'")
        try await place.store.tamper("DELETE FROM manifest WHERE kind = 'token'")
        guard let store = place.store as? any ServerStore else { throw NoManifest() }
        if kind == .postgresql {
            // Every row is hashed between two statements, for longer than other transactions may pause.
            try await place.store.tamper(
                """
                CREATE FUNCTION check_pauses() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                    IF current_setting('idle_in_transaction_session_timeout') <> current_setting('statement_timeout')
                    THEN RAISE 'no pauses'; END IF; RETURN NEW; END $$
                """)
            try await place.store.tamper(
                "CREATE TRIGGER pauses BEFORE INSERT ON manifest_seal FOR EACH ROW EXECUTE FUNCTION check_pauses()")
        }
        try await store.acceptRows(recording: record)
        if kind == .postgresql { try await place.store.tamper("DROP TRIGGER pauses ON manifest_seal") }
        #expect(try await refused(place.store, place.path).isEmpty)
        #expect(try await violations(place.store).isEmpty)
        #expect(try await place.store.resource(place.path)?.policy == PolicyName("lax"))
        #expect(try await violations(place.reopen()).isEmpty)
    }

    @Test(
        "Under another master key nothing is believed, and a new key of its own keeps all",
        arguments: TestedStore.allCases)
    func otherKey(_ kind: TestedStore) async throws {
        let place = try await filled(kind)
        let (old, new) = (SymmetricKey(data: [UInt8](repeating: 7, count: 32)), SymmetricKey(size: .bits256))
        let ring = KeyRing(master: new, previous: [old])
        try await place.store.activate(ring.held.active.id, previous: [], at: place.now)
        let before = try #require(try await place.store.manifestSeal())
        try await place.store.renewManifest(Manifest(ring))
        let after = try #require(try await place.store.manifestSeal())
        #expect(before.sealed.masterKey != after.sealed.masterKey && after.state > before.state)
        // The store's own ring does not have the new one.
        await #expect(throws: (any Error).self) { try await place.store.token(token.id) }
        let confirmed = try await Manifest(ring).confirms([], under: after, atLeast: 0, readingFrom: place.store)
        #expect(confirmed)
    }

    @Test(
        "A renewal drops lines of removed rows: servers that missed a removal follow, and the old row is not believed",
        arguments: TestedStore.allCases)
    func dropped(_ kind: TestedStore) async throws {
        let place = try await filled(kind)
        let app = try WorkloadID("app")
        // A server that reads nothing from here on until the renewal.
        let lagging = Manifest.tested
        let seal = try #require(try await place.store.manifestSeal())
        let entry = try ManifestEntry(#require(try await place.store.workload(app)))
        #expect(try await lagging.confirms([entry], under: seal, atLeast: 0, readingFrom: place.store))
        for table in ["workloads", "manifest"] {
            try await place.store.tamper("CREATE TABLE kept_\(table) AS SELECT * FROM \(table)")
        }
        #expect(try await place.store.remove(app, expecting: nil, recording: record) == .done)
        let ring = Manifest.testedKeys
        try await place.store.activate(ring.held.active.id, previous: [], at: place.now)
        func lines() async throws -> [ManifestRow] {
            let start = ManifestRow(kind: "", name: "", digest: [], state: 0)
            return try await place.store.manifestRows(after: start, limit: 1_000)
        }
        #expect(try await lines().contains { $0.name == "app" && $0.digest.isEmpty })
        try await place.store.renewManifest(Manifest(ring))
        #expect(try await !lines().contains { $0.digest.isEmpty })
        let renewed = try #require(try await place.store.manifestSeal())
        let absent = ManifestEntry.absent(.workload, "app")
        #expect(try await lagging.confirms([absent], under: renewed, atLeast: 0, readingFrom: place.store))
        await #expect(throws: ManifestViolation.self) {
            try await lagging.confirms([entry], under: renewed, atLeast: 0, readingFrom: place.store)
        }
        #expect(try await refused(place.store, place.path).isEmpty)
        // The row alone, and then with its line.
        try await place.store.tamper("INSERT INTO workloads SELECT * FROM kept_workloads WHERE id = 'app'")
        #expect(try await refused(place.store, place.path) == ["workload"])
        try await place.store.tamper("INSERT INTO manifest SELECT * FROM kept_manifest WHERE name = 'app'")
        #expect(try await refused(place.store, place.path) == ["workload"])
        // The secret went with the row.
        #expect(try await refused(place.reopen(), place.path).count == 8)
    }

    @Test("Two servers on one database follow each other's changes")
    func replicas() async throws {
        let database = try await PostgreSQLCluster.shared.newStoreDatabase()
        let stores: [PostgreSQLStore] = [try await .connected(to: database), try await .connected(to: database)]
        let now = Date(timeIntervalSince1970: 1_760_000_000)
        try await withThrowingTaskGroup { group in
            for number in 0..<60 {
                group.addTask {
                    let id = "w\(number % 20)"
                    _ = try await stores[number % 2].register(
                        Simulated.registration(id), sealed: Sealed(bytes: [1], masterKey: "k"), replacing: true, at: now
                    )
                    _ = try await stores[(number + 1) % 2].workload(WorkloadID(id))
                }
            }
            try await group.waitForAll()
        }
        for store in stores { #expect(try await store.manifestViolations(limit: 10).isEmpty) }
    }

    /// Lines and their seal, as in a database.
    private struct Lines: ManifestSource {
        let seal: ManifestSeal
        let rows: [ManifestRow]

        func manifestSeal() async throws -> ManifestSeal? { seal }

        func manifestRows(after row: ManifestRow, limit: Int) async throws -> [ManifestRow] { page(row, limit) }

        func page(_ last: ManifestRow, _ limit: Int) -> [ManifestRow] {
            Array(
                rows.filter { ($0.state, $0.kind, $0.name) > (last.state, last.kind, last.name) }
                    .sorted { ($0.state, $0.kind, $0.name) < ($1.state, $1.kind, $1.name) }.prefix(limit))
        }
    }

    @Test("A set's hash is that of its rows, in whatever order they came and went")
    func sums() async throws {
        let entries = (0..<50).map { ManifestEntry(.workload, "w\($0)", saying: [.number(Int64($0)), .text("\($0)")]) }
        let manifest = Manifest.tested
        var seal: ManifestSeal?
        var lines: [String: ManifestRow] = [:]
        var early: (seal: ManifestSeal, rows: [ManifestRow])?
        func page(_ last: ManifestRow, _ limit: Int) -> [ManifestRow] {
            seal.map { Lines(seal: $0, rows: Array(lines.values)).page(last, limit) } ?? []
        }
        for entry in entries + entries.prefix(25).map({ ManifestEntry.absent($0.kind, $0.name) }) + entries.prefix(10) {
            let listed = try manifest.listed([entry], seal: { seal }, page: page)
            let next = try #require(try manifest.advance(listed, to: [entry]))
            lines[entry.name] = ManifestRow(entry, state: next.seal.state)
            seal = next.seal
            if next.seal.state == 60 { early = (next.seal, Array(lines.values)) }
            // What is so already changes nothing.
            let again = try manifest.listed([entry], seal: { seal }, page: page)
            let unchanged = try manifest.advance(again, to: [entry]) == nil
            #expect(unchanged)
        }
        let rows = Array(lines.values)
        let whole = try #require(seal)
        #expect(whole.state == 85)
        // A new key for the hash, prepared on all lines or on earlier ones.
        let all = Lines(seal: whole, rows: rows)
        let some = try #require(early.map { Lines(seal: $0.seal, rows: $0.rows) })
        for prepared in [all, some] {
            let manifest = Manifest.tested
            let renewal = try await manifest.renewal(readingFrom: prepared)
            let renewed = try manifest.renew(renewal, whole, page: all.page)
            #expect(renewed.state == 86)
            let source = Lines(seal: renewed, rows: rows)
            #expect(try await Manifest.tested.confirms([], under: renewed, atLeast: 0, readingFrom: source))
            #expect(try await manifest.confirms(entries.suffix(1), under: renewed, atLeast: 0, readingFrom: source))
            #expect(throws: ManifestViolation.self) { try manifest.renew(renewal, some.seal, page: all.page) }
        }
        let swapped = rows.map { row in
            row.name == "w3"
                ? ManifestRow(kind: row.kind, name: row.name, digest: entries[4].digest, state: row.state) : row
        }
        for rows in [Array(rows.dropFirst(40)), swapped] {
            await #expect(throws: ManifestViolation.self) {
                try await Manifest.tested.renewal(readingFrom: Lines(seal: whole, rows: rows))
            }
        }
        let older = ManifestSeal(state: 84, sealed: whole.sealed)
        #expect(throws: ManifestViolation.self) { _ = try manifest.listed([], seal: { older }, page: page) }
        // A state that was made here and committed is remembered, though nobody has read it.
        manifest.committed(86)
        #expect(throws: ManifestViolation.self) { _ = try manifest.listed([], seal: { whole }, page: page) }
    }
}
