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

extension KeysAndBackups {
    @Suite("Backup and restore")
    struct BackupTests {
        let folder: TemporaryFolder
        private var data: URL { folder.file("data") }
        private var backup: URL { folder.file("backup.sqlite") }
        private var keyFile: URL { data.appending(path: "master.key") }

        init() throws { folder = try TemporaryFolder() }

        private func register(_ ids: [String]) async throws {
            let data = try await BrokerAssembly(data)
            for id in ids { try await data.broker.register(Simulated.registration(id, secret: "secret of \(id)")) }
            try await data.store.close()
        }

        /// The write-ahead log of a server that was killed after it had registered a workload, `new`.
        private func writesOfKilledServer() async throws -> Data {
            let opened = try await BrokerAssembly(data)
            try await opened.broker.register(Simulated.registration("new", secret: "secret of new"))
            let writes = try Data(contentsOf: data.appending(path: "kbs.sqlite-wal"))
            try await opened.store.close()
            return writes
        }

        private func makeBackup() async throws {
            let result = try await Command.run("backup", backup.path, "--data", data.path)
            try #require(result.status == 0, "\(result.errors)")
        }

        private func restore(_ name: String, _ arguments: String...) async throws -> Command.Result {
            try await Command.runAll(["restore", backup.path, "--data", folder.file(name).path] + arguments)
        }

        private func ids(_ folder: URL) async throws -> [String] {
            try await SQLiteStore(file: folder.appending(path: "kbs.sqlite")).workloads(after: "", limit: 1_000).map(
                \.id.text)
        }

        @Test("A backup under load is of one moment, and restores to a server that serves the guests")
        func underLoad() async throws {
            let server = try await ServerProcess.start(folder)
            let transport = GuestTransport(base: server.base, client: .shared)
            let (acknowledgements, report) = AsyncStream.makeStream(of: String.self)
            let writers = (0..<4).map { writer in
                Task {
                    for number in 0..<100_000 where !Task.isCancelled {
                        let id = "w\(writer)/\(number)"
                        try await transport.register(
                            id, measurement: Hex.encode(Simulated.measurement(id)), configuration: "", secret: id)
                        report.yield(id)
                    }
                }
            }
            var acknowledged: [String] = []
            for await id in acknowledgements {
                acknowledged.append(id)
                if acknowledged.count == 60 { break }
            }
            let made = try await Command.run("backup", backup.path, "--data", data.path)
            #expect(made.status == 0, "\(made.errors)")
            for writer in writers { writer.cancel() }
            for writer in writers { _ = await writer.result }
            server.send(signal: SIGTERM)
            #expect(try await server.ends(within: .seconds(60)))

            let mode = try FileManager.default.attributesOfItem(atPath: backup.path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
            let key = try Data(contentsOf: keyFile).prefix(64)
            let bytes = try Data(contentsOf: backup)
            #expect(bytes.range(of: key) == nil)
            #expect(bytes.range(of: Data(try #require(Hex.decode(String(decoding: key, as: UTF8.self))))) == nil)
            let id = try ServerKeys(master: #require(KeyFile(keyFile).read().first)).id
            #expect(made.output.contains("master key         \(id), of "))

            let again = folder.file("again")
            try FileManager.default.createDirectory(at: again, withIntermediateDirectories: true)
            try FileManager.default.copyItem(at: keyFile, to: again.appending(path: "master.key"))
            let restored = try await restore("again")
            #expect(restored.status == 0 && restored.output.contains("Every secret in it opens"), "\(restored.errors)")
            #expect(try await Set(ids(again)).isSuperset(of: acknowledged))
            try FileManager.default.removeItem(at: data)
            try FileManager.default.moveItem(at: again, to: data)
            let second = try await ServerProcess.start(folder)
            for id in acknowledged.suffix(3) {
                #expect(
                    try await Simulated.guest(id).boot(over: GuestTransport(base: second.base, client: .shared))
                        == Array(id.utf8))
            }
            let files = try FileManager.default.contentsOfDirectory(atPath: folder.url.path)
            #expect(!files.contains { $0.contains("draft") })
        }

        @Test("What was deleted is not in a backup")
        func deleted() async throws {
            try await register(["kept", "removed-workload"])
            #expect(try await Command.run("workload", "remove", "removed-workload", "--data", data.path).status == 0)
            try await makeBackup()
            let bytes = try Data(contentsOf: backup)
            // The trail goes on saying that there was one.
            #expect(bytes.range(of: Data(Simulated.measurement("kept"))) != nil)
            #expect(bytes.range(of: Data(Simulated.measurement("removed-workload"))) == nil)
        }

        @Test("A backup is not written over another, unless it is forced, nor of a folder without a database")
        func overwriting() async throws {
            try await register(["app"])
            try await makeBackup()
            let again = try await Command.run("backup", backup.path, "--data", data.path)
            #expect(again.status != 0 && again.errors.contains("--force"))
            #expect(try await Command.run("backup", backup.path, "--data", data.path, "--force").status == 0)
            let nowhere = try await Command.run("backup", folder.file("x").path, "--data", folder.file("nowhere").path)
            #expect(nowhere.status != 0 && nowhere.errors.contains("not a data folder"))
            #expect(!FileManager.default.fileExists(atPath: folder.file("x").path))
            let file = folder.file("none/x").path
            let unplaced = try await Command.run("backup", file, "--data", data.path)
            let place = folder.file("none").path
            #expect(
                unplaced.errors == """
                    Error: the backup \(file) could not be made: \(file) cannot be made: the folder \(place) is not there

                    """)
        }

        @Test("A backup is not written over the installation's own files, by whatever name")
        func ownFiles() async throws {
            try await register(["app"])
            let (database, elsewhere) = (data.appending(path: "kbs.sqlite"), folder.file("elsewhere.key"))
            let (symbolic, hard) = (folder.file("symbolic"), folder.file("hard"))
            try KeyFile(elsewhere).write([SymmetricKey(size: .bits256)])
            try FileManager.default.createSymbolicLink(at: symbolic, withDestinationURL: database)
            try FileManager.default.linkItem(at: keyFile, to: hard)
            let journal = data.appending(path: "kbs.sqlite-journal")
            let checkpoints = folder.file("checkpoints")
            let before = try [database, keyFile, elsewhere].map { try Data(contentsOf: $0) }
            for path in [
                database.path, keyFile.path, symbolic.path, hard.path, elsewhere.path, journal.path, checkpoints.path,
                folder.file("data/../data/kbs.sqlite").path,
            ] {
                let result = try await Command.run(
                    "backup", path, "--data", data.path, "--force", "--set", "keys.previous=file:\(elsewhere.path)",
                    "--set", "audit.checkpoint_file=\(checkpoints.path)")
                #expect(result.status == 2 && result.errors.contains("own file"), "\(path): \(result)")
            }
            #expect(try [database, keyFile, elsewhere].map { try Data(contentsOf: $0) } == before)
            #expect(![journal, checkpoints].contains { FileManager.default.fileExists(atPath: $0.path) })
            let inside = data.appending(path: "backup.sqlite").path
            #expect(try await Command.run("backup", inside, "--data", data.path).status == 0)
            #expect(try await Command.run("backup", inside, "--data", data.path, "--force").status == 0)
        }

        @Test("A backup that cannot be recorded is made, with a warning")
        func unrecorded() async throws {
            try await register(["app"])
            let store = try SQLiteStore(file: data.appending(path: "kbs.sqlite"))
            try store.tamper("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END")
            try store.close()
            let result = try await Command.run("backup", backup.path, "--data", data.path)
            #expect(result.status == 0 && result.output.contains("Wrote"), "\(result)")
            #expect(result.errors.contains("has no record of this backup: ") && result.errors.contains("full"))
            #expect(try DatabaseFile.check(backup).counts["workloads"] == 1)
        }

        @Test("A backup needs no master key")
        func withoutKey() async throws {
            try await register(["app"])
            try FileManager.default.removeItem(at: keyFile)
            try await makeBackup()
        }

        @Test("A damaged backup is refused, wherever the damage is, and the folder stays as it is")
        func damaged() async throws {
            try await register((0..<60).map { "w\($0)" })
            try await makeBackup()
            let good = try Data(contentsOf: backup)
            let target = folder.file("new")
            try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
            try FileManager.default.copyItem(at: keyFile, to: target.appending(path: "master.key"))
            var headless = good
            headless.replaceSubrange(0..<16, with: Data(repeating: 0x41, count: 16))
            var holed = good
            // A page in the middle.
            let middle = good.count / 2 / 4_096 * 4_096
            holed.replaceSubrange(middle..<middle + 4_096, with: Data(repeating: 0xFF, count: 4_096))
            for bytes in [
                good.prefix(good.count / 2), good.prefix(50), Data(), headless, holed, Data("no database".utf8),
            ] {
                try bytes.write(to: backup)
                let result = try await restore("new")
                #expect(result.status != 0 && result.errors.contains("cannot be restored"), "\(bytes.count): \(result)")
                let files = Set(try FileManager.default.contentsOfDirectory(atPath: target.path))
                #expect(files == ["master.key", "kbs.lock"])
            }
            try good.write(to: backup)
            #expect(try await restore("new").status == 0)
        }

        @Test("A backup in which a secret was changed is refused, and the secret is named")
        func changedSecret() async throws {
            try await register(["first", "second"])
            try await makeBackup()
            let store = try SQLiteStore(file: backup)
            try store.tamper("UPDATE secrets SET sealed = zeroblob(40) WHERE workload = 2")
            try store.close()
            let result = try await restore("new", "--keys-master", "file:\(keyFile.path)")
            #expect(result.status != 0 && result.errors.contains("secret of second"), "\(result)")
            #expect(!result.errors.contains("secret of first"))
        }

        @Test("A database that is no broker's, or of a later version, is refused")
        func foreign() async throws {
            try await register(["app"])
            try await makeBackup()
            let good = try Data(contentsOf: backup)
            let store = try SQLiteStore(file: backup)
            try store.tamper("INSERT INTO kbs_schema VALUES (99, 99, 0)")
            try store.close()
            let later = try await restore("new", "--keys-master", "file:\(keyFile.path)")
            #expect(later.status != 0 && later.errors.contains("later version"), "\(later)")
            try good.write(to: backup)
            let other = try SQLiteStore(file: backup)
            try other.tamper("DROP TABLE kbs_schema")
            try other.close()
            let foreign = try await restore("new", "--keys-master", "file:\(keyFile.path)")
            #expect(foreign.status != 0 && foreign.errors.contains("cannot be restored"), "\(foreign)")
        }

        @Test("Without the right master key nothing is restored, and both keys are named")
        func wrongKey() async throws {
            try await register(["app"])
            try await makeBackup()
            let right = try ServerKeys(master: #require(KeyFile(keyFile).read().first)).id
            let missing = try await restore("new")
            #expect(missing.status != 0 && missing.errors.contains(right), "\(missing)")
            let wrong = SymmetricKey(size: .bits256)
            try KeyFile(folder.file("wrong")).write([wrong])
            let result = try await restore("new", "--keys-master", "file:\(folder.file("wrong").path)")
            #expect(result.status != 0 && result.errors.contains(right), "\(result)")
            #expect(result.errors.contains(ServerKeys(master: wrong).id) && result.errors.contains("secret of app"))
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.file("new").path) == ["kbs.lock"])
        }

        @Test("A folder with a database is not restored into, unless it is forced, and then the old one stays beside")
        func replacing() async throws {
            try await register(["old"])
            try await makeBackup()
            try await register(["new"])
            #expect(try await restore("data").status != 0)
            #expect(try await ids(data) == ["new", "old"])
            let forced = try await restore("data", "--force")
            #expect(forced.status == 0, "\(forced.errors)")
            #expect(try await ids(data) == ["old"])
            let names = try FileManager.default.contentsOfDirectory(atPath: data.path)
            let before = try #require(
                names.first { $0.hasPrefix("kbs.sqlite.before-restore-") && !$0.contains("-wal") })
            let kept = try SQLiteStore(file: data.appending(path: before))
            #expect(try await kept.workloads(after: "", limit: 10).map(\.id.text) == ["new", "old"])
        }

        @Test(
            "What root's commands leave in a folder belongs to the folder's owner, whose server goes on with it",
            .enabled(if: geteuid() == 0))
        func owner() async throws {
            let user: UInt32 = 65_534
            try FileManager.default.createDirectory(at: data, withIntermediateDirectories: true)
            chown(data.path, user, user)
            try await register(["app"])
            try await makeBackup()
            chmod(keyFile.path, 0o640)
            for arguments in [
                ["keys", "rotate", "--data", data.path], ["audit", "accept", "--data", data.path],
                ["restore", backup.path, "--force", "--data", data.path],
                ["workload", "list", "--data", data.path],
            ] {
                let result = try await Command.runAll(arguments)
                #expect(result.status == 0, "\(arguments): \(result.errors)")
            }
            let names = try FileManager.default.contentsOfDirectory(atPath: data.path)
            #expect(Set(names).isSuperset(of: ["master.key", "kbs.sqlite", "kbs.lock", "checkpoints"]))
            for name in names {
                let file = try FileManager.default.attributesOfItem(atPath: data.appending(path: name).path)
                #expect((file[.ownerAccountID] as? NSNumber)?.uint32Value == user, "\(name)")
                if name == "master.key" { #expect(file[.posixPermissions] as? Int == 0o640) }
            }
        }

        @Test("The logs of a database that was removed are not played into the restored one, and stay beside it")
        func leftLogs() async throws {
            try await register(["old"])
            try await makeBackup()
            let (database, log) = (data.appending(path: "kbs.sqlite"), data.appending(path: "kbs.sqlite-wal"))
            let journal = data.appending(path: "kbs.sqlite-journal")
            let writes = try await writesOfKilledServer()
            try #require(!writes.isEmpty)
            try FileManager.default.removeItem(at: database)
            try writes.write(to: log)
            try Data("journal".utf8).write(to: journal)

            let restored = try await restore("data")
            #expect(restored.status == 0, "\(restored.errors)")
            #expect(try await ids(data) == ["old"])
            let names = try FileManager.default.contentsOfDirectory(atPath: data.path)
            for (suffix, contents) in [("-wal", writes), ("-journal", Data("journal".utf8))] {
                let kept = try #require(
                    names.first { $0.hasPrefix("kbs.sqlite.before-restore-") && $0.hasSuffix(suffix) })
                #expect(try Data(contentsOf: data.appending(path: kept)) == contents)
            }
        }

        @Test("A restore ends other verifiers' guests for as long as the settings take their tokens")
        func settings() async throws {
            try await register(["app"])
            let database = data.appending(path: "kbs.sqlite")
            let store = try SQLiteStore(file: database)
            try store.tamper(
                """
                INSERT INTO foreign_guests (id, issuer, tee, chip, opened, ends, barred, expires) VALUES
                    (zeroblob(16), 'https://a.example', 'snp', 'c0ffee', 0, unixepoch() + 600, 0, unixepoch() + 600)
                """)
            try store.close()
            try await makeBackup()
            let checkpoints = folder.file("checkpoints")
            try Data("before\n".utf8).write(to: checkpoints)
            let restored = try await restore(
                "data", "--force", "--set", "token.trusted_age=24h", "--set",
                "audit.checkpoint_file=\(checkpoints.path)")
            #expect(restored.status == 0, "\(restored.errors)")
            let after = try SQLiteStore(file: database)
            #expect(try await after.countSessions(at: Date()) == 0)
            // In 23 hours the row that bars them is still there.
            _ = try await after.sweepSessions(before: Date().addingTimeInterval(23 * 3_600))
            try after.tamper("UPDATE foreign_guests SET ends = unixepoch() + 600 WHERE barred > unixepoch() - 600")
            #expect(try await after.countSessions(at: Date()) == 1)
            try after.close()
            #expect(try CheckpointFile(checkpoints).read().count == 1)
            let names = try FileManager.default.contentsOfDirectory(atPath: folder.url.path)
            #expect(names.contains { $0.hasPrefix("checkpoints.before-") })
            #expect(!FileManager.default.fileExists(atPath: data.appending(path: "checkpoints").path))
        }

        @Test("A folder that a server runs on is not restored into, and nobody opens one that is being restored")
        func locked() async throws {
            let server = try await ServerProcess.start(folder)
            try await makeBackup()
            let running = try await restore("data", "--force")
            #expect(running.status != 0 && running.errors.contains("stop it first"), "\(running)")
            #expect(
                try await Command.run("workload", "list", "--data", data.path).status == 0, "others may work beside it")
            server.send(signal: SIGKILL)
            #expect(try await server.ends(within: .seconds(60)))
            #expect(try await restore("data", "--force").status == 0, "the lock ends with the process")
            let lock = try FileHandle(forUpdating: data.appending(path: "kbs.lock"))
            #expect(flock(lock.fileDescriptor, LOCK_EX | LOCK_NB) == 0)
            let blocked = try await Command.run("workload", "list", "--data", data.path)
            #expect(blocked.status != 0 && blocked.errors.contains("being restored"), "\(blocked)")
            try lock.close()
        }
    }
}
