import Bytes
import EvidenceSupport
import Foundation
import TLSSupport
import TestSupport
import Testing
import X509

@Suite("kbs-guest unlock, as a program, with a real broker")
struct UnlockProgramTests {
    private static let secret = "correct horse battery staple"

    private func tsm(_ workload: String, _ change: (inout SimulatedTSM.Behaviour) throws -> Void = { _ in }) throws
        -> SimulatedTSM
    {
        var behaviour = SimulatedTSM.Behaviour { try Simulated.report(workload, $0, vmpl: $1) }
        behaviour.table = try HostTable.simulated()
        try change(&behaviour)
        return try SimulatedTSM(behaviour)
    }

    private func unlock(_ tsm: SimulatedTSM, _ arguments: [String], environment: [String: String] = [:]) async throws
        -> ProgramResult
    {
        defer { tsm.stop() }
        return try await GuestProgram.run(
            ["unlock", "--device", "configfs", "--tsm-path", tsm.path, "--timeout", "600s"] + arguments,
            environment: environment.merging(["KBS_TEST_TSM": tsm.path]) { $1 })
    }

    private func withBroker(_ body: (_ port: Int, _ pin: String) async throws -> Void) async throws {
        let identity = try TestAuthority().issue()
        try await RunningBroker.run(workloads: ["web": Self.secret, "other": "not for web"], as: identity) {
            try await body($0, "sha256:" + Hex.encode(identity.certificate.keyPin))
        }
    }

    @Test("The secret, and nothing else, comes out of standard output over pinned TLS")
    func pinned() async throws {
        try await withBroker { port, pin in
            let tsm = try tsm("web")
            let got = try await unlock(
                tsm, ["--url", "https://127.0.0.1:\(port)", "--workload", "web", "--pin", pin])
            #expect(got.status == 0 && got.output == Self.secret, "\(got.errors)")
            #expect(tsm.leftovers.isEmpty, "the request is removed")
        }
    }

    @Test("Another key than the pinned one ends it at once, and no evidence is made")
    func wrongPin() async throws {
        try await withBroker { port, _ in
            let tsm = try tsm("web")
            let pin = "sha256:" + String(repeating: "0", count: 64)
            let got = try await unlock(tsm, ["--url", "https://127.0.0.1:\(port)", "--workload", "web", "--pin", pin])
            #expect(got.status == 3 && got.output.isEmpty)
            #expect(got.errors.contains("--pin") && !got.errors.contains("Trying again"))
            #expect(tsm.requests == 0)
        }
    }

    @Test("A guest with another image is refused, with the broker's sentence")
    func refused() async throws {
        try await withBroker { port, pin in
            let tsm = try tsm("another image")
            let got = try await unlock(
                tsm, ["--url", "https://127.0.0.1:\(port)", "--workload", "web", "--pin", pin])
            #expect(got.status == 1 && got.output.isEmpty)
            #expect(got.errors.contains("evidence") && !got.errors.contains("Trying again"), "\(got.errors)")
            #expect(tsm.leftovers.isEmpty)
        }
    }

    @Test("The secret goes to a file that only its owner may read")
    func file() async throws {
        try await withBroker { port, pin in
            let folder = try TemporaryFolder()
            let file = folder.file("secret")
            try Data("old".utf8).write(to: file)
            let got = try await unlock(
                tsm("web"),
                ["--url", "https://127.0.0.1:\(port)", "--workload", "web", "--pin", pin, "--out", file.path])
            #expect(got.status == 0 && got.output.isEmpty, "\(got.errors)")
            #expect(try String(contentsOf: file, encoding: .utf8) == Self.secret)
            let mode = try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["secret"])
        }
    }

    /// Gives the secret to a shell script in cryptsetup's place.
    private func unlock(_ port: Int, _ pin: String, with script: String, in folder: TemporaryFolder) async throws
        -> ProgramResult
    {
        _ = try await folder.script("cryptsetup", script)
        return try await unlock(
            tsm("web"),
            [
                "--url", "https://127.0.0.1:\(port)", "--workload", "web", "--pin", pin, "--cryptsetup", "/dev/vda2",
                "root",
            ],
            environment: ["PATH": "\(folder.url.path):/usr/bin:/bin"])
    }

    @Test("cryptsetup gets the secret on its standard input, and in no argument or variable")
    func cryptsetup() async throws {
        try await withBroker { port, pin in
            let folder = try TemporaryFolder()
            let got = try await unlock(
                port, pin, with: "cd \(folder.url.path)\ncat >stdin\necho \"$@\" >argv\nenv >env\necho chatter",
                in: folder)
            #expect(got.status == 0 && got.output.isEmpty, "cryptsetup's chatter is not on our output")
            func text(_ name: String) throws -> String { try String(contentsOf: folder.file(name), encoding: .utf8) }
            #expect(try text("stdin") == Self.secret)
            #expect(try text("argv") == "open --key-file=- -- /dev/vda2 root\n")
            #expect(try !text("env").contains(Self.secret))
        }
    }

    @Test("A cryptsetup that fails is told with a status of its own")
    func cryptsetupFails() async throws {
        try await withBroker { port, pin in
            let folder = try TemporaryFolder()
            let got = try await unlock(port, pin, with: "exit 2", in: folder)
            #expect(got.status == 4 && got.errors.contains("not a passphrase of /dev/vda2"))
        }
    }

    @Test(
        "A real LUKS header takes the released secret, and another workload's is no passphrase for it",
        .enabled(if: luks))
    func realCryptsetup() async throws {
        try await withBroker { port, pin in
            let folder = try TemporaryFolder()
            let (disk, key) = (folder.file("disk"), folder.file("key"))
            try Data(Self.secret.utf8).write(to: key)
            #expect(FileManager.default.createFile(atPath: disk.path, contents: Data(count: 20 << 20)))
            let formatted = try await ProgramResult.of(
                "/usr/sbin/cryptsetup",
                [
                    "luksFormat", "--batch-mode", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", "--key-file",
                    key.path, disk.path,
                ])
            #expect(formatted.status == 0, "\(formatted.errors)")
            // Everything but the mapping, which needs the kernel's device mapper.
            _ = try await folder.script(
                "cryptsetup", #"shift; exec /usr/sbin/cryptsetup open --test-passphrase "$@""#)
            for (workload, status) in [("web", 0), ("other", 4)] as [(String, Int32)] {
                let got = try await unlock(
                    tsm(workload),
                    [
                        "--url", "https://127.0.0.1:\(port)", "--workload", workload, "--pin", pin,
                        "--cryptsetup",
                        disk.path, "root",
                    ], environment: ["PATH": "\(folder.url.path):/usr/sbin:/usr/bin:/bin"])
                #expect(got.status == status, "\(workload): \(got.errors)")
            }
        }
    }

    static let luks = access("/usr/sbin/cryptsetup", X_OK) == 0
}
