import Foundation
import TestSupport
import Testing

@Suite(
    "A data folder on a read-only mount, such as a snapshot; F18",
    .enabled("a file system can be mounted here", SmallDisk.canBeMade))
struct ReadOnlyFolderTests {
    @Test("What only reads works there, and what writes says what to do")
    func commands() async throws {
        let (folder, disk) = (try TemporaryFolder(), try await SmallDisk(megabytes: 16))
        do { try await run(folder, disk) } catch {
            await disk.remove()
            throw error
        }
        await disk.remove()
    }

    private func run(_ folder: TemporaryFolder, _ disk: SmallDisk) async throws {
        let data = disk.folder.appending(path: "data").path
        try FileManager.default.createDirectory(
            atPath: data, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        try FileManager.default.createSymbolicLink(
            at: folder.file("data"), withDestinationURL: disk.folder.appending(path: "data"))
        let server = try await ServerProcess.start(folder)
        server.send(signal: SIGTERM)
        #expect(try await server.ends(within: .seconds(60)))
        let added = try await Command.run(
            "workload", "add", "web", "--measurement", String(repeating: "ab", count: 48), "--data", data, input: "x")
        #expect(added.status == 0, "\(added.errors)")
        try await disk.makeReadOnly()
        for command in [
            ["workload", "list"], ["workload", "show", "web"], ["policy", "list"], ["token", "list"],
            ["audit", "export"],
            ["audit", "verify"], ["attempts", "list"], ["sessions", "list"], ["keys", "status"],
        ] {
            let result = try await Command.runAll(command + ["--data", data])
            #expect(result.status == 0, "\(command): \(result.errors)")
        }
        let copy = folder.file("backup").path
        let backup = try await Command.run("backup", copy, "--data", data)
        #expect(
            backup.status == 0 && backup.errors.contains("has no record of this backup"), "\(backup.errors)")
        let removed = try await Command.run("workload", "remove", "web", "--data", data)
        #expect(removed.status == 2 && removed.errors.contains("is mounted read-only"), "\(removed.errors)")
        let served = try await Command.run("serve", "--data", data, "--listen", "127.0.0.1:0", "--endorsements-kds", "")
        #expect(served.status == 2 && served.errors.contains("copy what is there, and name the copy"))
    }
}
