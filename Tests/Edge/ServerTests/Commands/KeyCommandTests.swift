import Broker
import BrokerSupport
import Bytes
import Crypto
import Evidence
import EvidenceSupport
import Foundation
import HTTP
import HTTPClient
import Installation
import MasterKeys
import Server
import SimulatedHardware
import Storage
import TestSupport
import Testing

/// A data folder with workloads in it, which `kbs` works on as a process of its own.
private struct Folder {
    let folder: TemporaryFolder
    var data: URL { folder.file("data") }
    var keyFile: KeyFile { KeyFile(data.appending(path: "master.key")) }

    init(workloads: Int) async throws {
        folder = try TemporaryFolder()
        let data = try await BrokerAssembly(folder.file("data"))
        let broker = data.broker
        try await withThrowingTaskGroup { group in
            for number in 0..<workloads {
                group.addTask { try await broker.register(Simulated.registration("w\(number)", secret: "s\(number)")) }
            }
            try await group.waitForAll()
        }
        try await data.store.close()
    }

    func kbs(_ arguments: String..., environment: [String: String] = [:]) async throws -> Command.Result {
        try await Command.runAll(arguments + ["--data", data.path], environment: environment)
    }

    /// - Returns: what does not open.
    func unopened(_ sources: MasterKeySources = MasterKeySources()) async throws -> [String] {
        let data = try await DataFolder(data, masterKeys: sources, create: false)
        return try await Resealing.unopened(with: data.keys, in: data.store)
    }

    func usage() async throws -> [MasterKeyUsage] {
        try await SQLiteStore(file: data.appending(path: "kbs.sqlite")).masterKeyUsage(at: Date())
    }

    func tamper(_ sql: String) throws {
        let store = try SQLiteStore(file: data.appending(path: "kbs.sqlite"))
        try store.tamper(sql)
        try store.close()
    }
}

/// One at a time: they start many processes, and other tests run beside them.
@Suite("Keys and backups", .serialized) enum KeysAndBackups {}

extension KeysAndBackups {
    @Suite("Rotation of the master key")
    struct RotationTests {
        @Test("Guests go on while the key is rotated beside the server, with what they have from before")
        func whileServing() async throws {
            let folder = try TemporaryFolder()
            let server = try await ServerProcess.start(folder)
            let transport = GuestTransport(base: server.base, client: .shared)
            for number in 0..<40 {
                try await transport.register(
                    "w\(number)", measurement: Hex.encode(Simulated.measurement("w\(number)")), configuration: "",
                    secret: "s\(number)")
            }
            try await transport.register(
                "sev", measurement: Hex.encode(Simulated.digest("sev")), configuration: "", secret: "of SEV")
            // From before: a challenge and a session of each technology.
            let guest = try Simulated.guest("w0")
            let challenge = try await guest.challenge(over: transport)
            let attested = try await guest.challenge(over: transport)
            try await guest.attest(attested, over: transport)
            let sev = SimulatedSEVGuest(workload: "sev", on: try Simulated.sev, digest: Simulated.digest("sev"))
            let launched = try await sev.start(over: transport)
            let attestedSEV = try await sev.start(over: transport)
            let measurement = try await sev.attest(attestedSEV, over: transport)

            let guests = (0..<2).map { reader in
                Task {
                    var boots = 0
                    while !Task.isCancelled {
                        let number = (boots * 7 + reader) % 40
                        let secret = try await Simulated.guest("w\(number)").boot(over: transport)
                        #expect(secret == Array("s\(number)".utf8))
                        boots += 1
                    }
                    return boots
                }
            }
            var made = 0
            while made < 3 {
                let rotation = try await Command.run("keys", "rotate", "--data", folder.file("data").path)
                try #require(rotation.status == 0, "\(rotation.errors)")
                // What the server has sealed since under the key from before is moved first.
                made += rotation.output.contains("Made the master key") ? 1 : 0
                try await transport.register(
                    "late", measurement: Hex.encode(Simulated.measurement("late")), configuration: "", secret: "late")
                #expect(try await Simulated.guest("late").boot(over: transport) == Array("late".utf8))
            }
            for guest in guests { guest.cancel() }
            for guest in guests {
                // The request that was on its way when it ended is no failure.
                do { #expect(try await guest.value > 0) } catch is CancellationError {}
            }
            #expect(try await guest.fetchKey(cookie: attested.cookie, over: transport) == Array("s0".utf8))
            try await guest.attest(challenge, over: transport)
            #expect(try await guest.fetchKey(cookie: challenge.cookie, over: transport) == Array("s0".utf8))
            let key = try await sev.fetchKey(nil, attestedSEV, measurement: measurement, over: transport)
            #expect(key == Array("of SEV".utf8))
            let later = try await sev.attest(launched, over: transport)
            #expect(try await sev.fetchKey(nil, launched, measurement: later, over: transport) == Array("of SEV".utf8))
            // Sessions of the guests are under the old keys, so those stay.
            let retire = try await Command.run("keys", "retire", "--data", folder.file("data").path)
            #expect(retire.status == 1 && retire.output.contains("sessions are under it until"), "\(retire.output)")
            #expect(try KeyFile(folder.file("data/master.key")).read().count == 4)
        }

        @Test("kill -9 in the middle, again and again, loses nothing; what was begun is finished by one more call")
        func killed() async throws {
            let folder = try await Folder(workloads: 1_000)
            let first = try ServerKeys(master: #require(folder.keyFile.read().first)).id
            for _ in 0..<5 {
                let process = try SpawnedProcess(Command.plan(["keys", "rotate", "--data", folder.data.path]))
                try await Task.sleep(for: .milliseconds(Int.random(in: 10...250)))
                process.send(SIGKILL)
                _ = await process.ended()
                #expect(try await folder.unopened().isEmpty)
            }
            while true {
                let last = try await folder.kbs("keys", "rotate")
                #expect(last.status == 0, "\(last.errors)")
                if last.output.contains("Made the master key") { break }
            }
            #expect(try await folder.unopened().isEmpty)
            let active = try ServerKeys(master: #require(folder.keyFile.read().first)).id
            #expect(active != first)
            let used = try await folder.usage().filter { !$0.sealsNothing }
            #expect(used.map(\.id) == [active] && used.first?.secrets == 1_000)
            let files = try FileManager.default.contentsOfDirectory(atPath: folder.data.path)
            #expect(files.contains("master.key") && !files.contains { $0.contains("draft") })
        }

        @Test("A server finishes what a rotation that was killed has left")
        func serverFinishes() async throws {
            let folder = try await Folder(workloads: 300)
            // As it is when the process ends right after it wrote the file.
            try folder.keyFile.write([SymmetricKey(size: .bits256)] + folder.keyFile.read())
            let active = try ServerKeys(master: #require(folder.keyFile.read().first)).id
            let server = try await ServerProcess.start(folder.folder)
            while try await folder.usage().contains(where: { $0.id != active && !$0.sealsNothing }) {
                try #require(server.isRunning)
                try await Task.sleep(for: .milliseconds(50))
            }
            #expect(try await folder.usage().first { $0.id == active }?.secrets == 300)
            let transport = GuestTransport(base: server.base, client: .shared)
            #expect(try await Simulated.guest("w7").boot(over: transport) == Array("s7".utf8))
        }

        @Test("A server notices a rotation that was done beside it, though no guest asks for anything")
        func noticed() async throws {
            let folder = try await Folder(workloads: 1)
            let server = try await ServerProcess.start(folder.folder)
            #expect(try await folder.kbs("keys", "rotate").status == 0)
            let active = try ServerKeys(master: #require(folder.keyFile.read().first)).id
            let transport = GuestTransport(base: server.base, client: .shared)
            try await transport.register(
                "late", measurement: Hex.encode(Simulated.measurement("late")), configuration: "", secret: "s")
            while try await folder.usage().contains(where: { $0.id != active && !$0.sealsNothing }) {
                try #require(server.isRunning)
                try await Task.sleep(for: .milliseconds(200))
            }
            #expect(try await Simulated.guest("late").boot(over: transport) == Array("s".utf8))
        }

        @Test("A key is given up when nothing needs it, and not before")
        func retirement() async throws {
            let folder = try await Folder(workloads: 3)
            let old = try ServerKeys(master: #require(folder.keyFile.read().first)).id
            #expect(try await folder.kbs("keys", "retire").output == "There are no previous keys.\n")
            _ = try await folder.kbs("keys", "rotate")
            let early = try await folder.kbs("keys", "retire")
            #expect(early.status == 1 && early.output.contains("Kept \(old): challenges may be under it until"))
            #expect(try folder.keyFile.read().count == 2)
            try folder.tamper("UPDATE master_keys SET superseded = superseded - 1000")
            try folder.tamper("UPDATE secrets SET master_key = '\(old)' WHERE workload = 1")
            let used = try await folder.kbs("keys", "retire")
            #expect(used.status == 1 && used.output.contains("1 secrets"), "\(used.output)")
            #expect(try folder.keyFile.read().count == 2)
            let active = try ServerKeys(master: #require(folder.keyFile.read().first)).id
            try folder.tamper("UPDATE secrets SET master_key = '\(active)'")
            let retired = try await folder.kbs("keys", "retire")
            #expect(
                retired.status == 0 && retired.output.contains("Retired \(old): it is removed"), "\(retired.output)")
            #expect(try folder.keyFile.read().count == 1)
            #expect(try await folder.unopened().isEmpty)
            let status = try await folder.kbs("keys", "status")
            #expect(status.output.contains("\(active)  active    3"), "\(status.output)")
            #expect(status.output.contains("\(old)  retired   0"), "\(status.output)")
            let json = try await folder.kbs("keys", "status", "--json")
            let keys = try #require(
                try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [[String: Any]])
            #expect(keys.map { $0["id"] as? String } == [active, old] && keys.first?["secrets"] as? Int == 3)
            #expect(keys.last?["state"] as? String == "retired" && keys.last?["retired"] is String)
        }

        @Test("A wrong key is an error that names the right one, and nothing is written")
        func wrongKey() async throws {
            let folder = try await Folder(workloads: 2)
            let right = try folder.keyFile.read()
            let id = try ServerKeys(master: #require(right.first)).id
            func rows() async throws -> [StoredSecret] {
                try await SQLiteStore(file: folder.data.appending(path: "kbs.sqlite")).secrets(
                    notUnder: "", after: 0, limit: 10)
            }
            let before = try await rows()
            try folder.keyFile.write([SymmetricKey(size: .bits256)])
            let wrong = try ServerKeys(master: #require(folder.keyFile.read().first)).id
            for command in [
                ["serve", "--listen", "127.0.0.1:0"], ["keys", "rotate"], ["keys", "retire"],
                ["workload", "remove", "w1"],
            ] {
                let result = try await Command.runAll(command + ["--data", folder.data.path])
                #expect(result.status != 0 && result.errors.contains(id) && result.errors.contains(wrong), "\(result)")
            }
            #expect(try await rows() == before && before.count == 2)
            #expect(try await folder.usage().map(\.id) == [id], "no word of the wrong key")
            #expect(try folder.keyFile.read().count == 1)
            try folder.keyFile.write(right)
            #expect(try await folder.kbs("keys", "rotate").status == 0)
            #expect(try await folder.unopened().isEmpty)
        }

        @Test("A database that a server has worked with knows its key, though nothing is sealed yet")
        func wrongKeyOfEmptyDatabase() async throws {
            let folder = try TemporaryFolder()
            let server = try await ServerProcess.start(folder)
            let keyFile = KeyFile(folder.file("data/master.key"))
            let id = try ServerKeys(master: #require(keyFile.read().first)).id
            while !server.log.contains("active=\(id)") { try await Task.sleep(for: .milliseconds(20)) }
            try keyFile.write([SymmetricKey(size: .bits256)])
            let result = try await Command.run(
                "workload", "add", "app", "--data", folder.file("data").path, "--measurement",
                Hex.encode(Simulated.measurement("app")), input: "s")
            #expect(result.status != 0 && result.errors.contains(id), "\(result)")
        }

        @Test("A key from a variable is used, and is in the environment no longer")
        func environment() async throws {
            let folder = try TemporaryFolder()
            let key = Hex.encode((0..<32).map { _ in UInt8.random(in: 0...255) })
            let server = try await ServerProcess.start(
                folder, "--keys-master", "env:MASTER", environment: ["MASTER": key, "OTHER": "is there"])
            let transport = GuestTransport(base: server.base, client: .shared)
            try await transport.register(
                "app", measurement: Hex.encode(Simulated.measurement("app")), configuration: "", secret: "s")
            #expect(try await Simulated.guest("app").boot(over: transport) == Array("s".utf8))
            #expect(!FileManager.default.fileExists(atPath: folder.file("data/master.key").path))
            let environment = try Data(contentsOf: URL(filePath: "/proc/\(server.identifier)/environ"))
            #expect(environment.range(of: Data("is there".utf8)) != nil)
            #expect(environment.range(of: Data(key.utf8)) == nil)
            #expect(!server.log.contains(key))
            let missing = try await Command.run(
                "keys", "status", "--data", folder.file("data").path, "--keys-master", "env:MASTER")
            #expect(missing.status != 0 && missing.errors.contains("MASTER"))
        }

        @Test("A credential from systemd is used, and one that was not passed is said to be missing")
        func credential() async throws {
            let folder = try await Folder(workloads: 1)
            let credentials = folder.folder.file("credentials")
            try FileManager.default.createDirectory(at: credentials, withIntermediateDirectories: true)
            try FileManager.default.moveItem(at: folder.keyFile.file, to: credentials.appending(path: "kbs-master"))
            // As systemd's access list for the service's user shows in the mode.
            let file = credentials.appending(path: "kbs-master").path
            try FileManager.default.setAttributes([.posixPermissions: 0o440], ofItemAtPath: file)
            let environment = ["CREDENTIALS_DIRECTORY": credentials.path]
            let status = try await folder.kbs(
                "keys", "status", "--keys-master", "credential:kbs-master", environment: environment)
            #expect(status.status == 0 && status.output.contains("active    1"), "\(status.errors)")
            try FileManager.default.setAttributes([.posixPermissions: 0o444], ofItemAtPath: file)
            let open = try await folder.kbs(
                "keys", "status", "--keys-master", "credential:kbs-master", environment: environment)
            #expect(open.status != 0 && open.errors.contains("can be read by others"))
            for environment in [environment, [:]] {
                let missing = try await folder.kbs(
                    "keys", "status", "--keys-master", "credential:x", environment: environment)
                #expect(missing.status != 0 && missing.errors.contains("LoadCredential="))
            }
        }
    }
}
