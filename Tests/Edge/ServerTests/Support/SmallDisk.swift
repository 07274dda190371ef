import Foundation
import TestSupport

/// A file system in memory that is soon full, owned by PostgreSQL's user.
final class SmallDisk: Sendable {
    private let parent: TemporaryFolder
    var folder: URL { parent.file("disk") }

    /// - Throws: when this process may not mount.
    init(megabytes: Int) async throws {
        parent = try TemporaryFolder()
        try FileManager.default.createDirectory(at: parent.file("disk"), withIntermediateDirectories: true)
        try await Self.run(
            "mount", "-t", "tmpfs", "-o", "size=\(megabytes)m,mode=700,uid=postgres,gid=postgres", "tmpfs",
            parent.file("disk").path)
    }

    /// From now on nothing can be written there.
    func makeReadOnly() async throws { try await Self.run("mount", "-o", "remount,ro", folder.path) }

    /// At the end, when nobody uses it.
    func remove() async { try? await Self.run("umount", "--lazy", folder.path) }

    @Sendable static func canBeMade() async -> Bool {
        guard geteuid() == 0, let disk = try? await SmallDisk(megabytes: 1) else { return false }
        await disk.remove()
        return true
    }

    private static func run(_ arguments: String...) async throws {
        let status = try await SpawnedProcess.run(.init(URL(filePath: "/usr/bin/env"), arguments))
        guard status == 0 else { throw CocoaError(.featureUnsupported) }
    }
}
