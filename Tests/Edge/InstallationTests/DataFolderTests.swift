import Broker
import BrokerSupport
import Evidence
import EvidenceSupport
import Foundation
import Installation
import Storage
import TestSupport
import Testing

@Suite("The data folder")
struct DataFolderTests {
    let folder: TemporaryFolder
    var data: URL { folder.file("data") }

    init() throws { folder = try TemporaryFolder() }

    private func assembly() async throws -> BrokerAssembly {
        var settings = Settings()
        settings.dataFolder = data
        return try await BrokerAssembly(opening: settings)
    }

    private func mode(_ name: String) throws -> Int {
        let path = name.isEmpty ? data.path : data.appending(path: name).path
        return try #require(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? NSNumber)
            .intValue
    }

    @Test("A new folder has a key and a database that only their owner can read, and is opened again")
    func creation() async throws {
        let first = try await DataFolder(data)
        try await first.store.close()
        #expect(try mode("") == 0o700)
        #expect(try mode("master.key") == 0o600)
        #expect(try mode("kbs.sqlite") == 0o600)
        let key = try Data(contentsOf: data.appending(path: "master.key"))
        #expect(key.count == 65)
        try await DataFolder(data).store.close()
        #expect(try Data(contentsOf: data.appending(path: "master.key")) == key)
    }

    @Test("A database without its key is not opened, and no new key is made for it")
    func missingKey() async throws {
        try await DataFolder(data).store.close()
        try FileManager.default.removeItem(at: data.appending(path: "master.key"))
        let error = await #expect(throws: InvalidSetting.self) { try await DataFolder(data) }
        #expect(error?.description.contains("master.key") == true)
        #expect(!FileManager.default.fileExists(atPath: data.appending(path: "master.key").path))
    }

    @Test("A key that others can read, or that is none, is refused", arguments: [0o602, 0o604, 0o644])
    func openKey(mode: Int) async throws {
        try await DataFolder(data).store.close()
        let key = data.appending(path: "master.key")
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: key.path)
        await #expect(throws: InvalidSetting.self) { try await DataFolder(data) }
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: key.path)
        try Data("short".utf8).write(to: key)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: key.path)
        await #expect(throws: InvalidSetting.self) { try await DataFolder(data) }
    }

    @Test("Of many that start at once on a new folder all have the same key")
    func race() async throws {
        let sessions = try await withThrowingTaskGroup(of: String.self) { group in
            for number in 0..<8 {
                group.addTask {
                    let opened = try await assembly()
                    try await opened.broker.register(Simulated.registration("w\(number)"))
                    let request = ChallengeRequest.workload(try WorkloadID("w\(number)"), .snp)
                    let session = try await opened.broker.challenge(request).session
                    try await opened.store.close()
                    return session
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        let opened = try await assembly()
        #expect(try await opened.store.workloads(after: "", limit: 10).count == 8)
        // A challenge opens under the key that sealed it; what is wrong with this answer is only its technology.
        let answer = PlainAnswer.sev(measurement: Array(repeating: 0, count: 32), nonce: Array(repeating: 0, count: 16))
        for session in sessions {
            let refusal = await #expect(throws: Refusal.self) {
                try await opened.broker.attest(answer, session: [session])
            }
            #expect(refusal?.code == .technologyMismatch)
        }
    }
}
