import Foundation
import HTTP
import HTTPClient
import TestSupport
import Testing

@Suite("A server as the system runs it")
struct ServiceProcessTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test("SIGUSR1 and SIGUSR2 leave a line and a server that goes on, and so do signals that mean nothing")
    func signals() async throws {
        let server = try await ServerProcess.start(folder)
        for (signal, line) in [
            (SIGUSR1, "SIGUSR1: logs go to standard error; there is nothing to reopen."),
            (SIGUSR2, "SIGUSR2: logs go to standard error; there is nothing to reopen."),
            (SIGALRM, "SIGALRM means nothing to this server, which goes on."),
            (SIGVTALRM, "SIGVTALRM means nothing to this server, which goes on."),
            (SIGHUP, "there is no certificate to reload."),
        ] {
            server.send(signal: signal)
            try await eventually("a line for \(signal)") { server.log.contains(line) }
        }
        #expect(server.isRunning)
        // Nobody reads: a write to a pipe without a reader is an error, and no end.
        server.send(signal: SIGPIPE)
        server.send(signal: SIGXFSZ)
        let answer = try await HTTP1Client().execute(
            HTTPClientRequest(url: server.base + "/livez"), timeout: .seconds(60), upTo: 1_000)
        #expect(answer.status == .ok)
    }

    @Test(
        "SIGTERM, SIGINT and SIGQUIT end it in order, with a line and status 0", arguments: [SIGTERM, SIGINT, SIGQUIT])
    func ending(signal: Int32) async throws {
        let server = try await ServerProcess.start(folder)
        server.send(signal: signal)
        #expect(try await server.ends(within: .seconds(60)))
        #expect(server.status == 0)
        #expect(server.log.contains("] Stopping.") && server.log.contains("] Stopped."))
    }

    @Test("Memory goes into no file: a server and every command forbid core dumps and debuggers of their user; A13")
    func hardening() async throws {
        let server = try await ServerProcess.start(folder)
        let limits = try String(contentsOfFile: "/proc/\(server.identifier)/limits", encoding: .utf8)
        #expect(limits.contains(#/Max core file size +0 +0 /#))
        // A command that waits for a secret, as another user: what belongs to root in /proc cannot be looked into by it.
        guard geteuid() == 0, FileManager.default.isExecutableFile(atPath: "/usr/bin/setpriv") else { return }
        let input = Pipe()
        let command = Command.plan([
            "workload", "add", "web", "--measurement", "00", "--data", folder.file("nobody").path,
        ])
        var plan = SpawnedProcess.Plan(
            URL(filePath: "/usr/bin/setpriv"),
            ["--reuid=65534", "--regid=65534", "--clear-groups", Command.binary.path] + command.arguments)
        plan.environment = command.environment
        plan.input = input.fileHandleForReading
        let process = try SpawnedProcess(plan)
        let place = "/proc/\(process.identifier)"
        try await eventually("it is read only by root") {
            let name = try? String(contentsOfFile: "\(place)/comm", encoding: .utf8)
            var status = stat()
            return name == "kbs\n" && stat("\(place)/fd", &status) == 0 && status.st_uid == 0
        }
        #expect(try String(contentsOfFile: "\(place)/status", encoding: .utf8).contains("\nUid:\t65534\t"))
        try input.fileHandleForWriting.close()
        _ = await process.ended()
    }

    @Test("A fault leaves a line in the log's own form before it ends the server", arguments: ["text", "json"])
    func fault(format: String) async throws {
        let server = try await ServerProcess.start(folder, "--set", "log.format=\(format)")
        server.send(signal: SIGSEGV)
        #expect(try await server.ends(within: .seconds(60)))
        #expect(server.status == 128 + SIGSEGV)
        let last = try #require(server.log.split(separator: "\n").last)
        #expect(last.contains("The server ends by SIGSEGV.") && last.contains("critical"))
        #expect((format == "json") == last.hasPrefix("{"))
    }

    @Test("A service manager is told when the server listens, reloads and stops, and that it is alive")
    func notify() async throws {
        let manager = try NotifySocket(folder)
        let server = try await ServerProcess.start(
            folder, environment: ["NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "200000"])
        #expect(await manager.next(after: "WATCHDOG=1") == "READY=1\nSTATUS=listening on 127.0.0.1:\(server.port)")
        try await eventually("it is alive") { await manager.message() == "WATCHDOG=1" }
        server.send(signal: SIGHUP)
        #expect(await manager.next(after: "WATCHDOG=1").hasPrefix("RELOADING=1\nMONOTONIC_USEC="))
        #expect(await manager.next(after: "WATCHDOG=1").hasPrefix("READY=1\n"))
        server.send(signal: SIGTERM)
        #expect(await manager.next(after: "WATCHDOG=1").hasPrefix("STOPPING=1\n"))
        #expect(try await server.ends(within: .seconds(60)))
    }

    @Test("Where the port is taken nothing is begun, and the error names the address")
    func portInUse() async throws {
        let first = try await ServerProcess.start(folder)
        let other = folder.file("other")
        let refused = try await Command.run(
            "serve", "--listen", "127.0.0.1:\(first.port)", "--data", other.path, "--endorsements-kds", "")
        #expect(refused.status != 0)
        #expect(refused.errors.contains("127.0.0.1:\(first.port) is in use: another server, or another program"))
        #expect(!FileManager.default.fileExists(atPath: other.path), "neither folder nor database nor trail")
    }

    @Test("A second server on the same folder is refused, and told which process has it")
    func sameFolder() async throws {
        let first = try await ServerProcess.start(folder)
        let data = folder.file("data").path
        let refused = try await Command.run("serve", "--listen", "127.0.0.1:0", "--data", data)
        #expect(refused.status != 0)
        #expect(refused.errors.contains("by process \(first.identifier), 127.0.0.1:\(first.port)"))
        #expect(try await Command.run("workload", "list", "--data", data).status == 0, "who only reads goes on")
        first.send(signal: SIGKILL)
        #expect(try await first.ends(within: .seconds(60)))
        _ = try await ServerProcess.start(folder)
    }

    @Test("A Unix socket is served alone or beside a port, with its mode, and is gone afterwards")
    func unixSocket() async throws {
        let path = folder.file("kbs.sock").path
        let server = try await ServerProcess.start(
            folder, arguments: ["--set", "listen=127.0.0.1:0, unix:\(path)", "--set", "socket.mode=600"])
        for url in ["unix:\(path)", server.base] {
            let answer = try await HTTP1Client().execute(
                HTTPClientRequest(url: url, path: "/livez"), timeout: .seconds(60), upTo: 1_000)
            #expect(answer.status == .ok, "\(url)")
        }
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_mode & 0o7777 == 0o600 && status.st_mode & S_IFMT == S_IFSOCK)
        let taken = try await Command.run(
            "serve", "--listen", "unix:\(path)", "--data", folder.file("other").path, "--endorsements-kds", "")
        #expect(taken.status != 0 && taken.errors.contains("unix:\(path) is in use"))
        server.send(signal: SIGTERM)
        #expect(try await server.ends(within: .seconds(60)))
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test("A Unix socket that a killed server left behind is replaced, and kbs health asks over it")
    func staleSocket() async throws {
        let path = folder.file("kbs.sock").path
        let arguments = ["--set", "listen=127.0.0.1:0, unix:\(path)"]
        let killed = try await ServerProcess.start(folder, arguments: arguments)
        killed.send(signal: SIGKILL)
        #expect(try await killed.ends(within: .seconds(60)))
        #expect(FileManager.default.fileExists(atPath: path))
        let server = try await ServerProcess.start(folder, arguments: arguments)
        try await eventually("it is well") {
            let health = try await Command.run("health", "--listen", "unix:\(path)")
            #expect(health.output.contains("ok serving"), "\(health.errors)")
            return health.status == 0
        }
        let listed = try await Command.run("workload", "list", environment: ["KBS_URL": "unix:\(path)"])
        #expect(listed.status == 0, "\(listed.errors)")
        #expect(server.isRunning)
    }
}

/// A service manager's datagram socket.
private final class NotifySocket: Sendable {
    let path: String
    private let descriptor: Int32

    init(_ folder: TemporaryFolder) throws {
        path = folder.file("notify").path
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let isBound = withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(isBound == 0)
    }

    deinit { close(descriptor) }

    /// The next message, once it is there.
    func message() async -> String {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { [descriptor] in
                var buffer = [UInt8](repeating: 0, count: 4_096)
                let count = recv(descriptor, &buffer, buffer.count, 0)
                continuation.resume(returning: String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self))
            }
        }
    }

    /// The next message that is another.
    func next(after repeated: String) async -> String {
        while true {
            let message = await message()
            if message != repeated { return message }
        }
    }
}
