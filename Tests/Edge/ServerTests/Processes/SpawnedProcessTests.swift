import Foundation
import TestSupport
import Testing

@Suite("Programs that the tests start")
struct SpawnedProcessTests {
    private func shell(_ script: String) -> SpawnedProcess.Plan {
        SpawnedProcess.Plan(URL(filePath: "/bin/sh"), ["-c", script])
    }

    @Test("They get three descriptors, whatever the tests have open without closing it on exec")
    func descriptors() async throws {
        let folder = try TemporaryFolder()
        try Data().write(to: folder.file("out"))
        var more: [Int32] = []
        for _ in 0..<64 { more.append(open("/dev/null", O_RDONLY)) }
        defer { for file in more { close(file) } }
        var plan = shell("exec ls /proc/self/fd")
        plan.output = try FileHandle(forWritingTo: folder.file("out"))
        #expect(try await SpawnedProcess.run(plan) == 0)
        let seen = try String(contentsOf: folder.file("out"), encoding: .utf8)
        // The fourth is the folder that ls reads.
        #expect(seen.split(separator: "\n") == ["0", "1", "2", "3"])
    }

    @Test("Their end is told as a shell tells it: the exit code, or 128 and the signal")
    func status() async throws {
        #expect(try await SpawnedProcess.run(shell("exit 7")) == 7)
        #expect(try await SpawnedProcess.run(shell("kill -TERM $$")) == 128 + SIGTERM)
        #expect(throws: SpawnedProcess.NotStarted.self) {
            try SpawnedProcess(SpawnedProcess.Plan(URL(filePath: "/nowhere")))
        }
    }

    @Test("They end with the one who holds them")
    func held() async throws {
        var process: SpawnedProcess? = try SpawnedProcess(shell("exec sleep 600"))
        let identifier = try #require(process?.identifier)
        #expect(process?.isRunning == true && kill(identifier, 0) == 0)
        process = nil
        // Its number is free once it has ended and was waited for.
        while kill(identifier, 0) == 0 { try await Task.sleep(for: .milliseconds(5)) }
    }
}
