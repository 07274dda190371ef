import BrokerSupport
import Bytes
import Evidence
import EvidenceSupport
import Foundation
import SQLite
import SimulatedHardware
import TestSupport
import Testing

@testable import Broker
@testable import Storage

/// Whoever can write to the file can have put anything into it: a row is outside bytes.
@Suite("Rows that hold what no server wrote")
struct DamagedRowTests {
    private let folder: TemporaryFolder
    private let now = Date(timeIntervalSince1970: 1_760_000_000)

    init() throws { folder = try TemporaryFolder() }

    /// A database with a row in each table, whose columns take values of any type.
    private func lenientFile() async throws -> URL {
        let file = folder.file("lenient.sqlite")
        try SQLiteStore(file: file, manifest: .tested).close()
        let database = try Database(path: file.path)
        var policy = Policy(name: try PolicyName("p"))
        policy.measurements = [.set(try PolicyName("r"))]
        let id = [UInt8](repeating: 1, count: 16)
        try database.execute(
            sql: """
                PRAGMA writable_schema = ON;
                UPDATE sqlite_master SET sql = replace(replace(sql, ') STRICT, WITHOUT', ') WITHOUT'), ') STRICT', ')');
                PRAGMA writable_schema = RESET;
                INSERT INTO workloads (row, id, tee, digest, guest_policy, tee_config, registered)
                    VALUES (1, 'default/w/1', 'snp', ?, 0, '', 0);
                INSERT INTO secrets VALUES (1, x'01', 'k');
                INSERT INTO sessions VALUES (?, 1, 'snp', 'c', 0, 1760000100, 'k', x'02', x'', '{}', '{}', '');
                INSERT INTO sessions VALUES (?, NULL, 'snp', 'c', 0, 1760000100, 'k', x'01', x'', '{}', '{}', '');
                INSERT INTO init_data VALUES (x'01', '{}', 1760000100);
                INSERT INTO foreign_guests VALUES (x'0102', 'i', 'snp', 'c', 0, 1760000100, 0, 1760000100);
                INSERT INTO policies VALUES ('p', 'document', ?, 1, 0);
                INSERT INTO reference_values VALUES ('r', 'measurement', ?, x'', NULL, 'source', 2, 0, '[{}]');
                INSERT INTO reference_history VALUES ('r', 2, 0, 'server',
                    '{"kind":"measurement","source":"","added":[],"removed":[],"redated":[],"left_out":0}');
                INSERT INTO policy_references VALUES ('p', 'r');
                INSERT INTO revisions VALUES (1, 2);
                INSERT INTO resources (row, path, policy, current, latest, change, created, changed)
                    VALUES (1, 'default/r/1', 'p', 1, 1, 1, 0, 0);
                INSERT INTO resource_versions (resource, version, size, stored, policy, master_key, sealed)
                    VALUES (1, 1, 1, 0, 'p', 'k', x'01');
                INSERT INTO endorsements VALUES ('c', x'01', 'certificate', ?, x'', 9, 0);
                INSERT INTO attempts (id, time, action, workload, tee, session, chip, outcome, code, sentence, verdict,
                    address, request, version, mark)
                    VALUES (1, 0, 'guest.attest', 'w', 'snp', 's', 'c', 'refused', 'evidence_refused', 'why', '', '', '',
                    '', '');
                INSERT INTO denials VALUES ('chip/0102030405060708', 'leaked', 'server', 0);
                INSERT INTO audit VALUES (1, '{}', x'00');
                INSERT INTO tokens VALUES ('t', x'01', 'admin', 'd', 0, 9, 5);
                INSERT INTO server_keys VALUES ('n', 'i', x'01', 'k', 0);
                INSERT INTO master_keys VALUES ('k', 0, 1, 2);
                """,
            arguments: [
                Simulated.measurement("w"), id, [UInt8](repeating: 2, count: 16), policy.json,
                Simulated.measurement("r"),
                Simulated.snp.ark.der,
            ])
        try database.close()
        let store = try SQLiteStore(file: file, manifest: .tested)
        defer { try? store.close() }
        try await store.change { change in
            let (policy, path) = (try PolicyName("p"), try ResourcePath("default/r/1"))
            var entries = [ManifestEntry(policy, document: "document")]
            entries += try change.rows(
                Read("SELECT rules, revision FROM policies") {
                    ManifestEntry(policy, rules: try $0.text(0), revision: try $0.integer(1))
                })
            entries += try change.rows(
                Read("SELECT \(ReferenceColumns.list) FROM reference_values") {
                    ManifestEntry(try ReferenceColumns($0, from: 0))
                })
            entries.append(ManifestEntry("r", provenance: "[{}]"))
            entries += try change.rows(TokenReads.token("t")).map { ManifestEntry($0) }
            entries += try change.rows(Read("\(WorkloadReads.select)") { ManifestEntry(try Workload(row: $0)) })
            entries += try change.rows(ResourceReads.resource(path)).map { ManifestEntry($0) }
            entries.append(ManifestEntry(try change.rows(ResourceReads.versions(of: path)), of: path))
            entries += try change.rows(DenialReads.entries).compactMap(\.self)
            try change.list(entries)
        }
        return file
    }

    /// Reads whatever the store can give.
    ///
    /// - Returns: how many of the calls failed.
    private func readEverything(_ store: SQLiteStore) async throws -> Int {
        let (id, guest) = ([UInt8](repeating: 1, count: 16), [UInt8](repeating: 2, count: 16))
        let (workload, path) = (try WorkloadID("default/w/1"), try ResourcePath("default/r/1"))
        let (policy, references) = (try PolicyName("p"), try PolicyName("r"))
        let time = now
        let reads: [() async throws -> Void] = [
            { _ = try await store.workload(workload) }, { _ = try await store.workload(row: 1) },
            { _ = try await store.workloads(after: "", search: "w", limit: 9) },
            { _ = try await store.grant(session: id, at: time) },
            { _ = try await store.sessions(.all, after: [], limit: 9, at: time) },
            { _ = try await store.session(guest, at: time).map { try Session($0) } },
            { _ = try await store.session(guest, at: time)?.authenticatedBytes },
            { _ = try await store.initData([1]) }, { _ = try await store.keepsInitData([1], until: time) },
            { _ = try await store.sealedSecret(of: workload) },
            { _ = try await store.secrets(notUnder: "x", after: 0, limit: 9) },
            { _ = try await store.serverKeys(named: "n") }, { _ = try await store.masterKeyUsage(at: time) },
            { _ = try await store.isAnythingSealed(notUnder: "x") },
            { _ = try await store.policy(policy) }, { _ = try await store.policies(after: "", limit: 9) },
            { _ = try await store.policyInForce(policy) }, { _ = try await store.references(references) },
            { _ = try await store.references(after: "", limit: 9) },
            { _ = try await store.referenceHistory(references, before: Revision(.max), limit: 9) },
            { _ = try await store.resource(path) },
            { _ = try await store.resources(after: "", search: "", limit: 9) },
            { _ = try await store.versions(of: path) }, { _ = try await store.sealedResource(path) },
            { _ = try await store.resourceVersions(notUnder: "", after: .start, limit: 9) },
            { _ = try await store.endorsements(named: [EndorsementName("c")]) },
            { _ = try await store.endorsements(after: [], limit: 9) },
            { _ = try await store.attempts(AttemptSelection(), before: .max, limit: 9) },
            { _ = try await store.auditEntries(after: 0, limit: 9) }, { _ = try await store.auditHead() },
            { _ = try await store.auditHash(of: 1) }, { _ = try await store.tokens() },
            { _ = try await store.token("t") }, { _ = try await store.denials(after: "", limit: 9) },
        ]
        var failures = 0
        for read in reads { do { try await read() } catch { failures += 1 } }
        // Writes look at rows too. Whether they do is another matter.
        let record = AuditRecord(.startServer, by: .server, at: now)
        _ = try? await store.record([record], attempt: nil)
        _ = try? await store.endSessions(.all, at: now) { _ in record }
        _ = try? await store.setDisabled(true, workload, expecting: nil, recording: record)
        _ = try? await store.changeResource(path, .disabled(true), expecting: nil, at: now) { _ in record }
        return failures
    }

    /// - Returns: for each column, how many reads failed after it was set to the value.
    private func failures(_ value: (CopiedTable.Kind) -> String) async throws -> [String: Int] {
        let file = try await lenientFile()
        var failures: [String: Int] = [:]
        for table in CopiedTable.all {
            for column in table.columns {
                let copy = folder.file(UUID().uuidString)
                try FileManager.default.copyItem(at: file, to: copy)
                let database = try Database(path: copy.path)
                try database.execute(sql: "PRAGMA foreign_keys = OFF")
                let sql = "UPDATE \(table.name) SET \"\(column.name)\" = \(value(column.kind))"
                // A row's number is an integer in any table, and a few columns have checks.
                let isSet = (try? database.execute(sql: sql)) != nil
                try database.close()
                guard isSet else { continue }
                let store = try SQLiteStore(file: copy, manifest: .tested)
                failures["\(table.name).\(column.name)"] = try await readEverything(store)
                try store.close()
            }
        }
        return failures
    }

    @Test("What was written as it must be is read")
    func whole() async throws {
        // The guest's claims and verdict are no guest's.
        #expect(try await readEverything(SQLiteStore(file: try await lenientFile(), manifest: .tested)) == 1)
    }

    @Test("A value of another type is an error of whoever reads it, and ends nothing")
    func otherType() async throws {
        let failures = try await failures { kind in
            switch kind {
            case .integer: "'text'"
            case .text: "x'ff'"
            case .bytes: "'text'"
            }
        }
        #expect(failures.count > 70)
        // Found by another way than their own type, or only written.
        let others: Set = [
            "sessions.id", "guests.id", "sessions.workload", "policy_references.policy",
            "policy_references.reference_values", "reference_history.name", "reference_history.revision",
            "revisions.one", "revisions.last", "resources.policy",
            "resource_versions.policy", "endorsements.fingerprint", "endorsements.name",
            "tokens.id", "workloads.id", "policies.name", "resource_versions.resource", "resources.current",
            "server_keys.name", "init_data.id", "init_data.expires", "foreign_guests.id", "foreign_guests.barred",
            "foreign_guests.expires", "attempts.mark",
            // That something is denied is in the manifest, whatever the row says.
            "denials.name", "denials.reason", "denials.actor", "denials.denied",
        ]
        for (column, count) in failures where !others.contains(column) { #expect(count > 1, "\(column)") }
    }

    @Test("The largest and the smallest number are read without a trap", arguments: [Int64.max, .min])
    func extremes(_ number: Int64) async throws {
        let failures = try await failures { $0 == .integer ? "\(number)" : "NULL" }
        #expect(failures.count > 20)
    }
}
