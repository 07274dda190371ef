import Foundation
@testable import Installation
import Logging
import TestSupport
import Testing

@testable import Crypto
@testable import Server

@Suite("Which libraries run")
struct LibraryTests {
    @Test("Those that are loaded are named with their versions, and so are FIPS mode and ML-KEM")
    func names() {
        let fields = RunningLibraries.current.fields
        let libraries = ["openssl", "nettle", "sqlite", "libpq", "libcurl"]
        #expect(Set(fields.keys) == Set(libraries + ["fips", "ml_kem"]))
        for (name, value) in fields where libraries.contains(name) {
            #expect(value.wholeMatch(of: /\d+(\.\d+)+[0-9a-z.~+-]*/) != nil, "\(name) is \(value)")
        }
    }

    @Test("A server's process verifies P-384 by Nettle")
    func nettle() async {
        await #expect(processExitsWith: .success) {
            KBSServer.prepareProcess(.text)
            try #require(P384Verification.installed != nil)
        }
    }

    @Test("A file that was removed or replaced since it was mapped is found, and nothing else is")
    func replaced() {
        let maps = """
            7f0000000000-7f0000001000 r--p 00000000 08:01 1 /usr/lib/libssl.so.3 (deleted)
            7f0000001000-7f0000002000 r-xp 00001000 08:01 1 /usr/lib/libssl.so.3 (deleted)
            7f0000002000-7f0000003000 r-xp 00000000 08:01 2 /usr/lib/libpq.so.5
            7f0000003000-7f0000004000 rw-p 00000000 08:01 3 /tmp/scratch (deleted)
            7f0000004000-7f0000005000 r-xp 00000000 00:01 4 /memfd:code (deleted)
            7f0000005000-7f0000006000 r-xp 00000000 00:01 5 /dev/zero (deleted)
            7f0000006000-7f0000007000 r-xp 00000000 00:01 6 /SYSV00000000 (deleted)
            7f0000007000-7f0000008000 r-xp 00000000 08:01 7 /opt/a folder/kbs (deleted)
            7f0000008000-7f0000009000 r-xp 00000000 00:00 0 [vdso]
            7f0000009000-7f000000a000 rwxp 00000000 00:00 0

            """
        #expect(MappedFiles(maps).replaced == ["/opt/a folder/kbs", "/usr/lib/libssl.so.3"])
    }

    @Test(
        "A process that has a library in memory, in whose place the disk has another by now, is told from one that has not"
    )
    func process() async throws {
        let folder = try TemporaryFolder()
        let program = try await folder.program("program", copying: URL(filePath: "/bin/sleep"))
        let sleeping = try SpawnedProcess(SpawnedProcess.Plan(program, ["600"]))
        // Until it has become that program.
        try await eventually("it runs") {
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(sleeping.identifier)/exe"))?
                .hasSuffix("program") == true
        }
        #expect(MappedFiles(of: sleeping.identifier)?.replaced == [])
        try FileManager.default.removeItem(at: program)
        try FileManager.default.copyItem(at: URL(filePath: "/bin/sleep"), to: program)
        // On a busy machine it may not have mapped it yet.
        try await eventually("it is seen") { MappedFiles(of: sleeping.identifier)?.replaced == [program.path] }
        #expect(MappedFiles(of: 2_147_483_647) == nil)
    }

    @Test("A server names the variables that libraries obey, and no value of theirs")
    func variables() async throws {
        #expect(LibraryVariables.present(in: ["PATH": "/bin", "KBS_DATA": "/x", "SSLKEYLOGFILE": "/x"]).isEmpty)
        let server = try await ServerProcess.start(
            try TemporaryFolder(),
            environment: ["PGPASSWORD": "marked", "https_proxy": "http://u:marked@127.0.0.1:1"])
        #expect(server.log.contains("PGPASSWORD, https_proxy"))
        #expect(!server.log.contains("marked"))
    }

    @Test("Where libcrypto gives no algorithms, the program says so and ends", arguments: ["kbs", "kbs-guest"])
    func withoutAlgorithms(program: String) async throws {
        let folder = try TemporaryFolder()
        let configuration = folder.file("openssl.cnf")
        let text = "openssl_conf = a\n[a]\nalg_section = b\n[b]\ndefault_properties = provider=nobody\n"
        try Data(text.utf8).write(to: configuration)
        let ended = try await ProgramResult.of(
            Programs.built(program), ["--version"], environment: ["OPENSSL_CONF": configuration.path])
        #expect(ended.status == 1 && ended.output.isEmpty)
        #expect(ended.errors.contains("does not have SHA2-256") && ended.errors.contains("OPENSSL_CONF"))
        #expect(ended.errors.split(separator: "\n").count == 1, "\(ended.errors)")
    }

    @Test("The doctor names them, and what ML-KEM needs")
    func doctor() {
        let here = LibraryExamination(settings: Settings())
        let loaded = here.findings().first { $0.check == "system.libraries" }
        #expect(loaded?.level == .ok && loaded?.found.contains("openssl 3.") == true)
        #expect(loaded?.found.contains("FIPS mode is") == true)
        func found(_ hasMLKEM: Bool) -> String? {
            var examination = here
            examination.libraries = RunningLibraries(libraries: [], isFIPSMode: false, hasMLKEM: hasMLKEM)
            return examination.findings().first { $0.check == "system.ml_kem" }?.found
        }
        #expect(found(true) == "guests may bring keys for ML-KEM-768")
        #expect(found(false)?.contains("OpenSSL 3.5") == true)
    }
}
