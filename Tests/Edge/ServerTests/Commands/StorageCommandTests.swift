import Broker
import BrokerSupport
import Bytes
import Evidence
import EvidenceSupport
import Foundation
import HTTP
import HTTPClient
import Installation
import Server
import SimulatedHardware
import Storage
import TestSupport
import Testing

extension KeysAndBackups {
    @Suite("kbs migrate and kbs storage copy")
    struct StorageCommandTests {
        @Test("kbs migrate makes the schema, says so, and may be run again")
        func migrate() async throws {
            let database = try await SharedDatabase(isEmpty: true)
            for _ in 0..<2 {
                let result = try await Command.run("migrate", "--set", "storage.url=\(database.uri())")
                #expect(result.status == 0 && result.output == "The schema is up to date.\n", "\(result.errors)")
            }
            #expect(try await database.withStore { try await $0.countWorkloads() } == 0)
        }

        @Test("kbs migrate says what is missing, and no password")
        func unusable() async throws {
            let database = try await SharedDatabase(isEmpty: true)
            let result = try await Command.run("migrate")
            #expect(result.status != 0 && result.errors.contains("there is no storage.url"))
            let unreachable = try await Command.run(
                "migrate", "--set", "storage.url=\(database.uri(port: 1))", "--set", "storage.timeout=1s")
            #expect(unreachable.status != 0 && unreachable.errors.contains("cannot connect"))
            #expect(!unreachable.errors.contains(PostgreSQLCluster.password))
            #expect(!unreachable.errors.contains("not%20a"))
        }

        @Test("All rows that were changed are named before they are accepted, however many")
        func accept() async throws {
            let folder = try TemporaryFolder()
            let path = folder.file("data").path
            let data = try await BrokerAssembly(folder.file("data"))
            let names = (0..<120).map { "w\($0)" }
            for name in names { try await data.broker.register(Simulated.registration(name)) }
            try await data.store.close()
            let store = try SQLiteStore(file: folder.file("data/kbs.sqlite"))
            try store.tamper("UPDATE workloads SET disabled = 1")
            try store.close()
            for arguments in [[], ["--yes"]] {
                let result = try await Command.runAll(["storage", "accept", "--data", path] + arguments)
                #expect(result.status == 0, "\(result.errors)")
                for name in names { #expect(result.output.contains("The row of the workload \(name) in"), "\(name)") }
            }
            let after = try await Command.run("storage", "accept", "--data", path)
            #expect(after.output == "Everything that decides is as a key broker left it.\n")
        }

        @Test("What is copied from a folder that is none is named as it was given")
        func noFolder() async throws {
            let folder = try TemporaryFolder()
            let (from, to) = (folder.file("a").path, folder.file("b").path)
            let result = try await Command.run("storage", "copy", "--from", from, "--to", to)
            #expect(result.status == 2)
            #expect(result.errors == "Error: \(from) is not a data folder: name the server's with --from\n")
            #expect(!FileManager.default.fileExists(atPath: to))
        }

        @Test("A server's folder goes to PostgreSQL and back, and its guests get their secrets at each place")
        func copy() async throws {
            let (folder, last) = (try TemporaryFolder(), try TemporaryFolder())
            let database = try await SharedDatabase(isEmpty: true)
            let key = "file:\(folder.file("data/master.key").path)"
            let guest = try Simulated.guest("app")

            func serve(_ folder: TemporaryFolder, _ arguments: [String], registers: Bool = false) async throws {
                let server = try await ServerProcess.start(folder, arguments: arguments)
                if registers {
                    try await server.transport.register(
                        "app", measurement: Hex.encode(Simulated.measurement("app")), configuration: "", secret: "s")
                }
                #expect(try await guest.boot(over: server.transport) == Array("s".utf8))
                server.send(signal: SIGTERM)
                #expect(try await server.ends(within: .seconds(60)))
            }
            func digests(_ output: String) -> [String] {
                output.split(separator: "\n").filter { $0.contains(#/ [0-9a-f]{64}$/#) }.map(String.init)
            }

            try await serve(folder, [], registers: true)
            let data = folder.file("data").path
            let there = try await Command.run("storage", "copy", "--from", data, "--to", database.uri())
            #expect(there.status == 0, "\(there.errors)")
            #expect(digests(there.output).count == 21)
            let again = try await Command.run("storage", "copy", "--from", data, "--to", database.uri())
            #expect(again.status != 0 && again.errors.contains("not empty"))
            #expect(!again.errors.contains("not%20a"))

            try await serve(folder, ["--set", "storage.url=\(database.uri())", "--keys-master", key])
            let back = try await Command.run(
                "storage", "copy", "--from", database.uri(), "--to", last.file("data").path)
            #expect(back.status == 0, "\(back.errors)")
            try await serve(last, ["--keys-master", key])
            let trail = try await database.verifiedTrail().compactMap { $0["action"] }
            #expect(trail.filter { $0 == "secret.release" }.count == 2)
            #expect(trail.contains("storage.copy"))
        }

        @Test("A folder that a server works on is not copied")
        func serverAtWork() async throws {
            let folder = try TemporaryFolder()
            let server = try await ServerProcess.start(folder)
            let copy = try await Command.run(
                "storage", "copy", "--from", folder.file("data").path, "--to", folder.file("other").path)
            #expect(copy.status != 0 && copy.errors.contains("is at work"))
            server.send(signal: SIGTERM)
            #expect(try await server.ends(within: .seconds(60)))
        }
    }
}
