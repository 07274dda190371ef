import Broker
import Foundation
@testable import Installation
import MasterKeys
import TestSupport
import Testing

@Suite("Who may work on a data folder")
struct FolderLockTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func refusal(_ body: () throws -> Void) -> String {
        (#expect(throws: InvalidSetting.self) { try body() })?.description ?? ""
    }

    @Test("Many may use it at a time, one alone may replace it, and each is told why it must wait")
    func sharing() throws {
        let data = folder.file("data")
        try FileManager.default.createDirectory(at: data, withIntermediateDirectories: true)
        do {
            let users = try (0..<2).map { _ in try FolderLock.take(data, .using) }
            #expect(refusal { _ = try FolderLock.take(data, .replacing) }.contains("is at work on \(data.path)"))
            withExtendedLifetime(users) {}
        }
        let restore = try FolderLock.take(data, .replacing)
        #expect(refusal { _ = try FolderLock.take(data, .using) }.contains("is being restored"))
        withExtendedLifetime(restore) {}
    }

    @Test("One process serves from it, and a second is told which and where")
    func serving() throws {
        let data = folder.file("data")
        try FileManager.default.createDirectory(at: data, withIntermediateDirectories: true)
        #expect(ServingLock.holder(of: data) == nil)
        do {
            let server = try ServingLock(data, address: "127.0.0.1:8080")
            #expect(ServingLock.holder(of: data) == getpid())
            let refused = refusal { _ = try ServingLock(data, address: "127.0.0.1:8081") }
            #expect(refused.contains("is served already, by process \(getpid()), 127.0.0.1:8080: "))
            withExtendedLifetime(server) {}
        }
        #expect(ServingLock.holder(of: data) == nil, "what is written there is of a server that has ended")
        _ = try ServingLock(data, address: "127.0.0.1:8081")
    }

    @Test("A lock ends with its holder, though a child that is being started has the open file a moment longer")
    func inherited() throws {
        let data = folder.file("data")
        try FileManager.default.createDirectory(at: data, withIntermediateDirectories: true)
        var copies: [Int32] = []
        defer { for copy in copies { close(copy) } }
        do {
            let locks = (try FolderLock.take(data, .using), try ServingLock(data, address: "127.0.0.1:8080"))
            for name in try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd") {
                let file = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(name)")
                guard file?.hasPrefix(data.path) == true, let descriptor = Int32(name) else { continue }
                copies.append(fcntl(descriptor, F_DUPFD_CLOEXEC, 0))
            }
            withExtendedLifetime(locks) {}
        }
        #expect(copies.count >= 2)
        _ = try FolderLock.take(data, .replacing)
        _ = try ServingLock(data, address: "127.0.0.1:8081")
    }

    @Test("Commands that only use the folder go on beside a server")
    func commands() async throws {
        let data = folder.file("data")
        let served = try await DataFolder(data)
        let lock = try ServingLock(data, address: "127.0.0.1:8080")
        #expect(try await DataFolder(data, create: false).store.countWorkloads() == 0)
        withExtendedLifetime((served, lock)) {}
    }

    @Test("A folder that no server has worked with is told from one that may not be looked into")
    func absent() async throws {
        for missing in [folder.file("none"), folder.url] {
            let error = await #expect(throws: InvalidSetting.self) { try await DataFolder(missing, create: false) }
            #expect(error?.description.contains("is not a data folder: name the server's with --data") == true)
        }
        let file = folder.file("file")
        try Data().write(to: file)
        let error = await #expect(throws: InvalidSetting.self) { try await DataFolder(file) }
        #expect(error?.description.contains("is not a folder") == true)
    }
}
