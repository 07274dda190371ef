import Bytes
import Concurrency
import EvidenceSupport
import Foundation
import HTTP
import HTTPClient
import SimulatedHardware
import TestSupport
import Testing

@Suite("A full disk under the data folder", .enabled("a file system can be mounted here", SmallDisk.canBeMade))
struct FullDiskTests {
    @Test(
        "What cannot be kept is refused and said in the log; it mends; after kill -9 all that was acknowledged is there"
    )
    func fullDisk() async throws {
        let (folder, disk) = (try TemporaryFolder(), try await SmallDisk(megabytes: 16))
        do {
            let data = disk.folder.appending(path: "data")
            try FileManager.default.createDirectory(
                at: data, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
            try FileManager.default.createSymbolicLink(at: folder.file("data"), withDestinationURL: data)
            try await onSmallDisk(folder, disk.folder)
        } catch {
            await disk.remove()
            throw error
        }
        await disk.remove()
    }

    private func onSmallDisk(_ folder: TemporaryFolder, _ disk: URL) async throws {
        let filler = disk.appending(path: "filler")
        let server = try await ServerProcess.start(folder)
        let registrations = Registrations(server)
        try await registrations.add(20)
        let guest = try Simulated.guest("app-0")
        #expect(try await guest.boot(over: registrations.transport) == Array("secret 0".utf8))

        try fill(filler, on: disk)
        let refusal = try await registrations.addUntilRefused()
        #expect(refusal.status == 503, "\(refusal)")
        #expect(server.log.contains("database or disk is full"), "\(server.log.suffix(2_000))")
        // A release that cannot be recorded does not happen.
        let unrecorded = await #expect(throws: GuestTransport.Refused.self) {
            for _ in 0..<1_000 { _ = try await guest.boot(over: registrations.transport) }
        }
        #expect(unrecorded?.status == 503)
        let read = try await HTTP1Client.shared.execute(
            HTTPClientRequest(url: server.base + "/api/v1/workloads/app-0"), timeout: .seconds(60))
        #expect(read.status == .ok, "what is there can be read")

        try FileManager.default.removeItem(at: filler)
        try await registrations.add(20)
        #expect(try await guest.boot(over: registrations.transport) == Array("secret 0".utf8))

        try fill(filler, on: disk)
        _ = try await registrations.addUntilRefused()
        server.send(signal: SIGKILL)
        #expect(try await server.ends(within: .seconds(60)))
        try FileManager.default.removeItem(at: filler)
        let again = try await ServerProcess.start(folder)
        let found = try await Command.run("workload", "list", "--url", again.base)
        let present = Set(
            found.output.split(separator: "\n").compactMap { $0.split(separator: " ").first.map(String.init) })
        #expect(present.isSuperset(of: registrations.acknowledged))
        let after = GuestTransport(base: again.base, client: .shared)
        #expect(try await guest.boot(over: after) == Array("secret 0".utf8))
        again.send(signal: SIGTERM)
        #expect(try await again.ends(within: .seconds(60)))
        let trail = try await Command.run("audit", "verify", "--data", folder.file("data").path)
        #expect(trail.status == 0, "\(trail.output)\(trail.errors)")
    }

    /// Leaves 64 KiB.
    private func fill(_ filler: URL, on disk: URL) throws {
        var space = statvfs()
        try #require(statvfs(disk.path, &space) == 0)
        try Data(count: Int(space.f_bavail * space.f_bsize) - 65_536).write(to: filler)
    }
}

/// Registrations one after another, and which of them were acknowledged.
private final class Registrations: Sendable {
    let transport: GuestTransport
    private let names = Lock<[String]>([])

    var acknowledged: [String] { names.withLock { $0 } }

    init(_ server: ServerProcess) { transport = GuestTransport(base: server.base, client: .shared) }

    func add(_ count: Int) async throws {
        for _ in 0..<count {
            let number = acknowledged.count
            let id = "app-\(number)"
            try await transport.register(
                id, measurement: Hex.encode(Simulated.measurement(id)), configuration: "", secret: "secret \(number)")
            names.withLock { $0.append(id) }
        }
    }

    func addUntilRefused() async throws -> GuestTransport.Refused {
        do {
            try await add(10_000)
        } catch let refusal as GuestTransport.Refused {
            return refusal
        }
        throw CocoaError(.featureUnsupported)
    }
}
