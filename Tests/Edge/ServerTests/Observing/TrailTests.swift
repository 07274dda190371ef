import Broker
import BrokerSupport
import EvidenceSupport
import Foundation
@testable import Installation
import Logging
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
