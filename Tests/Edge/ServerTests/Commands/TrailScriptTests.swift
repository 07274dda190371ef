import Broker
import Bytes
import Evidence
import Foundation
import TestSupport
import Testing

@Suite("scripts/verify-trail.py")
struct TrailScriptTests {
    private static let script = Project.root.appending(path: "scripts/verify-trail.py").path
    private static let python = ["/usr/bin/python3", "/usr/local/bin/python3"].first { (path: String) in
        FileManager.default.isExecutableFile(atPath: path)
    }
    static var hasPython: Bool { python != nil }

    let folder: TemporaryFolder
    private let key = CheckpointKey()
    private let entries: [AuditEntry]

    init() throws {
        folder = try TemporaryFolder()
        var head = AuditHead.start
        var entries: [AuditEntry] = []
        for number in 1...5 {
            let record = AuditRecord(
                .registerWorkload, by: .server, workload: "wörk \"\(number)\"\n", at: Date(timeIntervalSince1970: 1e9))
            entries.append(try AuditEntry(appending: record.canonical, to: head))
            head = AuditHead(entries[number - 1])
        }
        self.entries = entries
    }

    private func verify(_ entries: [AuditEntry], checkpoint: AuditHead? = nil, key: [UInt8]? = nil) async throws
        -> Int32
    {
        let (trail, checkpoints) = (folder.file("trail"), folder.file("checkpoints"))
        try Data(entries.map { $0.exportLine + "\n" }.joined().utf8).write(to: trail)
        var arguments = [Self.script, trail.path]
        if let checkpoint {
            let line = try Checkpoint(checkpoint, at: Date(), signedBy: self.key).line + "\n"
            try Data(line.utf8).write(to: checkpoints)
            arguments.append(checkpoints.path)
        }
        if let key { arguments.append(Hex.encode(key)) }
        var plan = SpawnedProcess.Plan(URL(filePath: Self.python ?? ""), arguments)
        (plan.output, plan.errors) = (.nullDevice, .nullDevice)
        return try await SpawnedProcess.run(plan)
    }

    @Test("A trail as it was exported is intact, with its checkpoint", .enabled(if: hasPython))
    func intact() async throws {
        #expect(try await verify(entries) == 0)
        #expect(try await verify(entries, checkpoint: AuditHead(entries[4])) == 0)
        #expect(try await verify(entries, checkpoint: AuditHead(entries[2])) == 0)
    }

    @Test("An edit, a deletion and an insertion are found", .enabled(if: hasPython))
    func changed() async throws {
        var edited = entries
        edited[2] = AuditEntry(
            sequence: 3, record: entries[2].record.replacing("done", with: "none"), hash: entries[2].hash)
        #expect(try await verify(edited) == 1)
        var shorter = entries
        shorter.remove(at: 1)
        #expect(try await verify(shorter) == 1)
        #expect(try await verify(entries + [entries[4]]) == 1)
    }

    @Test("A trail that was cut, or computed anew, does not agree with a checkpoint", .enabled(if: hasPython))
    func rewritten() async throws {
        let checkpoint = AuditHead(entries[4])
        #expect(try await verify(Array(entries.dropLast()), checkpoint: checkpoint) == 1)
        var head = AuditHead.start
        let anew = try entries.map { entry in
            let next = try AuditEntry(appending: entry.record.replacing("done", with: "none"), to: head)
            head = AuditHead(next)
            return next
        }
        #expect(try await verify(anew) == 0)
        #expect(try await verify(anew, checkpoint: checkpoint) == 1)
    }

    @Test("A signature counts when it is the trusted key's only", .enabled(if: hasPython))
    func signature() async throws {
        // Without the package `cryptography` no signature is ever taken for good.
        #expect(try await verify(entries, checkpoint: AuditHead(entries[4]), key: CheckpointKey().publicKey) == 1)
    }
}
