import Broker
import BrokerSupport
import EvidenceSupport
import Foundation
@testable import Installation
import Logging
@testable import Server
import SimulatedHardware
import Storage
import TestSupport
import Testing

/// A data folder with a trail, as a server has them.
private struct TrailPlace {
    let folder: TemporaryFolder
    let opened: BrokerAssembly
    let trail: Trail
    let log = LogRecorder()
    var file: CheckpointFile { opened.settings.checkpoints }
    var signed: [Checkpoint] { get throws { try file.read() } }

    init() async throws {
        folder = try TemporaryFolder()
        opened = try await BrokerAssembly(folder.file("data"))
        trail = try await Trail(opened.folder, opened.settings)
    }

    func record(_ count: Int = 1) async throws {
        try await opened.store.record(
            (0..<count).map { _ in AuditRecord(.omit, by: .server, at: Date()) }, attempt: nil)
    }

    /// Signs what is there, as a server does when it stops.
    func sign() async {
        let writer = trail.writer(interval: 900, records: 1_000, logger: log.logger)
        let task = Task { await writer.run() }
        task.cancel()
        await task.value
    }

    func problem() async -> String? {
        do { try await trail.check.run() } catch { return "\(error)" }
        return nil
    }
}

@Suite("The trail of a server that runs")
struct TrailTests {
    @Test("Over checkpoints that were removed or cut no other is signed, and the trail is a fault until they are back")
    func changedFile() async throws {
        let place = try await TrailPlace()
        try await place.record()
        await place.sign()
        try await place.record()
        await place.sign()
        let lines = try Data(contentsOf: place.file.url)
        #expect(try place.signed.count == 2)
        #expect(await place.problem() == nil)

        try await place.record()
        try FileManager.default.removeItem(at: place.file.url)
        #expect(await place.problem()?.contains("are missing") == true)
        await place.sign()
        #expect(!FileManager.default.fileExists(atPath: place.file.url.path))

        let first = lines.prefix(through: try #require(lines.firstIndex(of: UInt8(ascii: "\n"))))
        try first.write(to: place.file.url)
        #expect(await place.problem()?.contains("is not the one that this server knows") == true)
        await place.sign()
        #expect(try Data(contentsOf: place.file.url) == first)

        try lines.write(to: place.file.url)
        #expect(await place.problem() == nil)
        await place.sign()
        #expect(try place.signed.map(\.head.sequence) == [1, 2, 3])
        try await place.opened.store.close()
    }

    @Test("Records past the chain are not signed; the log says it once, and the check and the doctor say it")
    func brokenChain() async throws {
        let place = try await TrailPlace()
        try await place.record()
        await place.sign()
        let before = try place.signed
        let store = try SQLiteStore(file: place.folder.file("data/kbs.sqlite"))
        try store.tamper("INSERT INTO audit (seq, record, hash) VALUES (1000, '{}', zeroblob(32))")
        #expect(await place.problem() == nil, "it is found before it would be signed")
        await place.sign()
        await place.sign()
        #expect(try place.signed == before)
        let told = place.log.lines.filter { $0.contains("THE AUDIT TRAIL") }
        #expect(told.count == 1 && told.first?.contains("Record 1000 follows record 1") == true, "\(place.log.lines)")
        #expect(await place.problem()?.contains("Record 1000") == true)
        await #expect(throws: BrokenTrail.self) { try await place.trail.checkpoint(at: Date()) }
        await #expect(throws: BrokenTrail.self) { try await place.opened.checkpoint(at: Date()) }
        let settings = place.opened.settings
        let findings = await Doctor(settings, listening: ListeningExamination(settings)).examine()
        #expect(findings.contains { $0.check == "audit.trail" && $0.level == .problem })
        try store.close()
        try await place.opened.store.close()
    }

    @Test("An edit, a removal and a cut since the last checkpoint are found before it is signed")
    func changedSince() async throws {
        for change in [
            "UPDATE audit SET record = '{}' WHERE seq = 3", "DELETE FROM audit WHERE seq = 3",
            "UPDATE audit SET hash = zeroblob(32) WHERE seq = 4", "INSERT INTO audit VALUES (5, '{}', zeroblob(32))",
        ] {
            let place = try await TrailPlace()
            try await place.record(2)
            await place.sign()
            try await place.record(2)
            let store = try SQLiteStore(file: place.folder.file("data/kbs.sqlite"))
            try store.tamper(change)
            try store.close()
            await place.sign()
            #expect(try place.signed.map(\.head.sequence) == [2], "\(change)")
            await #expect(throws: BrokenTrail.self, "\(change)") { try await place.trail.check.run() }
            try await place.opened.store.close()
        }
        let place = try await TrailPlace()
        try await place.record(4)
        // Signed on a caller's request, and so verified, before any is in the file.
        #expect(try await place.trail.checkpoint(at: Date()).head.sequence == 4)
        let store = try SQLiteStore(file: place.folder.file("data/kbs.sqlite"))
        try store.tamper("DELETE FROM audit WHERE seq > 2")
        try store.close()
        await #expect(throws: BrokenTrail.self) { try await place.trail.checkpoint(at: Date()) }
        try await place.opened.store.close()
    }

    @Test("More records than are read at once are verified and signed")
    func pages() async throws {
        let place = try await TrailPlace()
        try await place.record(2_500)
        await place.sign()
        try await place.record(1_000)
        await place.sign()
        #expect(try place.signed.map(\.head.sequence) == [2_500, 3_500])
        #expect(try await place.opened.store.auditHead() == place.signed.last?.head)
        try await place.opened.store.close()
    }

    @Test("A server whose checkpoints are removed is not ready")
    func readiness() async throws {
        try await RunningServer.run { server in
            let file = server.settings.checkpoints.url
            func becomes(_ status: Int) async throws -> Bool {
                for _ in 0..<600 {
                    if try await server.send("GET", "/readyz").status == status { return true }
                    try await Task.sleep(for: .milliseconds(100))
                }
                return false
            }
            while !FileManager.default.fileExists(atPath: file.path) { try await Task.sleep(for: .milliseconds(20)) }
            #expect(try await becomes(200))
            try FileManager.default.removeItem(at: file)
            #expect(try await becomes(503))
            #expect(try await server.send("GET", "/readyz").body.contains("failed trail"))
        }
    }
}
