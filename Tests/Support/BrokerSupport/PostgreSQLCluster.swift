import Concurrency
public import Foundation
import PostgreSQL
import Storage
import Synchronization
import TestSupport

/// A PostgreSQL server of the tests' own, on loopback, which ends with the process.
public final class PostgreSQLCluster: Sendable {
    public struct Plan: Sendable {
        /// Whether what is committed is on the disk: for measurements. Tests that do not cut the power do without.
        public var fsync = false
        /// Whether the server has a certificate for `localhost`: see ``PostgreSQLCluster/certificate``.
        public var usesTLS = false
        /// More of `postgresql.conf`.
        public var settings: [String: String] = [:]

        public init() {}
    }

    /// How a server is stopped: `immediate` is a crash.
    public enum StopMode: String, Sendable { case fast, immediate }

    public struct Failure: Error, CustomStringConvertible { public let description: String }

    private struct Running: Sendable {
        let process: SpawnedProcess
        /// When it is closed, also because this process is no more, the server is ended.
        let leash: FileHandle
    }

    /// How long a test's store waits for the database, unless the test is about that: a machine that runs many tests is
    /// slow, and now and then stands still.
    public static let patience = Duration.seconds(300)

    /// It stays the same once the server has been started.
    public var port: Int { chosenPort.withLock { $0 } }
    private let chosenPort = Lock(0)
    private let folder: URL
    private let plan: Plan
    private let running = Lock<Running?>(nil)
    private let databases = Atomic<Int>(0)
    private let template = Lock<Task<String, any Error>?>(nil)

    public static let user = "kbs"
    public static let password = "not a secret"

    private static let sharedCluster = Task { try await PostgreSQLCluster(Plan()) }

    /// One for all tests of the process that do not stop it.
    public static var shared: PostgreSQLCluster { get async throws { try await sharedCluster.value } }

    /// Makes a server and starts it.
    public init(_ plan: Plan) async throws {
        self.plan = plan
        folder = try Self.newFolder()
        let words = folder.appending(path: "password")
        try Data(Self.password.utf8).write(to: words)
        try await Self.giveAway(folder)
        try await Self.run(
            "initdb",
            [
                "-D", data, "-U", Self.user, "--pwfile", words.path, "--no-sync", "-E", "UTF8", "--locale", "C.UTF-8",
                "-A", "scram-sha-256",
            ])
        if plan.usesTLS { try await makeCertificate() }
        try await startOnFreePort()
    }

    /// A standby that follows a server and can take its place.
    private init(following primary: PostgreSQLCluster) async throws {
        plan = primary.plan
        folder = try Self.newFolder()
        try await Self.giveAway(folder)
        try await Self.run(
            "pg_basebackup", ["-D", data, "-R", "-X", "stream", "-c", "fast", "-d", primary.uri("postgres")])
        try await startOnFreePort()
    }

    deinit {
        guard let running = running.withLock({ $0 }) else {
            try? FileManager.default.removeItem(at: folder)
            return
        }
        // Who holds the leash ends the server and removes the folder, and must not be ended before.
        try? running.leash.close()
        Task.detached { _ = await running.process.ended() }
    }

    /// A standby that follows this one.
    public func standby() async throws -> PostgreSQLCluster { try await PostgreSQLCluster(following: self) }

    /// Makes a standby the primary.
    public func promote() async throws { try await Self.run("pg_ctl", ["-D", data, "-w", "promote"]) }

    // MARK: Databases

    /// - Parameters:
    ///   - host: a name or address that leads here.
    ///   - port: another than the server's, e.g. a proxy's.
    ///   - options: e.g. `sslmode=verify-full`.
    public func uri(
        _ database: String, host: String = "127.0.0.1", port: Int? = nil, options: [String] = []
    ) -> String {
        let words = Self.password.replacing(" ", with: "%20")
        let query = options.isEmpty ? "" : "?\(options.joined(separator: "&"))"
        return "postgres://\(Self.user):\(words)@\(host):\(port ?? self.port)/\(database)\(query)"
    }

    /// A new, empty database.
    ///
    /// - Returns: its name.
    public func newDatabase() async throws -> String {
        let name = "test_\(databases.add(1, ordering: .relaxed).newValue)"
        try await sql("CREATE DATABASE \(name)", in: "postgres")
        return name
    }

    /// A new database with a store's tables, and nothing in them.
    ///
    /// - Returns: its name.
    public func newStoreDatabase() async throws -> String {
        let template = try await template.withLock { template in
            if let template { return template }
            let task = Task {
                let database = try await newDatabase()
                let store = try await PostgreSQLStore(
                    PostgreSQLConfiguration(uri: uri(database), timeout: Self.patience))
                await store.close()
                // PostgreSQL copies no database to which someone is connected, and a connection ends a moment later.
                let connected = "SELECT count(*) FROM pg_stat_activity WHERE datname = '\(database)'"
                while try await sql(connected, in: "postgres") != "0" { try await Task.sleep(for: .milliseconds(20)) }
                return database
            }
            template = task
            return task
        }.value
        let name = "test_\(databases.add(1, ordering: .relaxed).newValue)"
        try await sql("CREATE DATABASE \(name) TEMPLATE \(template)", in: "postgres")
        return name
    }

    /// Runs SQL as an operator would, with psql.
    ///
    /// - Returns: what it printed, without headings.
    @discardableResult
    public func sql(_ sql: String, in database: String) async throws -> String {
        try await Self.run("psql", ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", uri(database), "-c", sql])
    }

    // MARK: Stopping and starting

    /// The certificate by which the server's is verified; it is its own.
    public var certificate: URL { folder.appending(path: "data/server.crt") }

    private func startOnFreePort() async throws {
        for attempt in 1... {
            let port = try Self.freePort()
            chosenPort.withLock { $0 = port }
            // Another program may have taken it since.
            do { return try await start() } catch let failure as Failure {
                guard attempt < 5 else { throw failure }
            }
        }
    }

    /// Starts the server, and waits for as long as that takes.
    public func start() async throws {
        // The folder is needed for another attempt.
        try Data().write(to: folder.appending(path: "keep"))
        var settings = plan.settings
        settings["port"] = "\(port)"
        settings["listen_addresses"] = "127.0.0.1"
        settings["unix_socket_directories"] = folder.path
        settings["fsync"] = plan.fsync ? "on" : "off"
        settings["ssl"] = plan.usesTLS ? "on" : "off"
        // All tests of a process may run at once, each with a store or four.
        settings["max_connections"] = settings["max_connections"] ?? "1000"
        let arguments = try [Self.program("postgres").path, "-D", data] + settings.flatMap { ["-c", "\($0)=\($1)"] }
        let leash = Pipe()
        // Has the server crash when there is no more to read, and ends with it.
        let script = """
            folder=$1; shift
            exec 3<&0
            "$@" </dev/null >>"$folder/log" 2>&1 &
            server=$!
            { cat <&3 >/dev/null; kill -QUIT $server 2>/dev/null; } &
            leash=$!
            wait $server
            kill $leash 2>/dev/null
            [ -e "$folder/keep" ] || rm -rf "$folder"
            """
        var spawn = SpawnedProcess.Plan(
            URL(filePath: "/bin/sh"), ["-c", script, "sh", folder.path] + Self.privileges + arguments)
        spawn.input = leash.fileHandleForReading
        let process = try SpawnedProcess(spawn)
        running.withLock { $0 = Running(process: process, leash: leash.fileHandleForWriting) }
        while process.isRunning {
            if (try? await Self.run("pg_isready", ["-q", "-h", "127.0.0.1", "-p", "\(port)"])) != nil {
                try? FileManager.default.removeItem(at: folder.appending(path: "keep"))
                return
            }
            try await Task.sleep(for: .milliseconds(50))
        }
        running.withLock { $0 = nil }
        let log = (try? String(contentsOf: folder.appending(path: "log"), encoding: .utf8)) ?? ""
        throw Failure(description: "PostgreSQL did not start: \(log.suffix(2_000))")
    }

    public func stop(_ mode: StopMode) async throws {
        try Data().write(to: folder.appending(path: "keep"))
        try await Self.run("pg_ctl", ["-D", data, "-m", mode.rawValue, "-w", "stop"])
        let stopped = running.withLock { running in
            defer { running = nil }
            return running
        }
        try stopped?.leash.close()
        _ = await stopped?.process.ended()
    }

    /// Stops the server for good, and removes all that it wrote.
    public func remove() async throws {
        try await stop(.immediate)
        try FileManager.default.removeItem(at: folder)
    }

    private var data: String { folder.appending(path: "data").path }

    // MARK: Programs

    private static func program(_ name: String) throws -> URL {
        let versions = URL(filePath: "/usr/lib/postgresql")
        let folders = ((try? FileManager.default.contentsOfDirectory(atPath: versions.path)) ?? [])
            .compactMap { Int($0) }.sorted(by: >).map { versions.appending(path: "\($0)/bin") }
        let path = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map {
            URL(filePath: String($0))
        }
        for folder in folders + path {
            let program = folder.appending(path: name)
            if FileManager.default.isExecutableFile(atPath: program.path) { return program }
        }
        throw Failure(
            description: "There is no \(name): install PostgreSQL, 15 or later (Debian: `apt install postgresql`).")
    }

    /// PostgreSQL refuses to run as root.
    private static var privileges: [String] {
        geteuid() == 0 ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] : []
    }

    @discardableResult
    private static func run(_ name: String, _ arguments: [String]) async throws -> String {
        try await run([program(name).path] + arguments, as: privileges)
    }

    private static func run(_ command: [String], as privileges: [String]) async throws -> String {
        let folder = FileManager.default.temporaryDirectory
        let file = folder.appending(path: "kbs-\(UUID().uuidString)")
        try Data().write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let output = try FileHandle(forWritingTo: file)
        var plan = SpawnedProcess.Plan(URL(filePath: "/usr/bin/env"), privileges + command)
        // What it is run from may be closed to the user that it is run as.
        plan.environment["PWD"] = "/"
        (plan.output, plan.errors) = (output, output)
        let status = try await SpawnedProcess.run(plan)
        let text = try String(contentsOf: file, encoding: .utf8)
        guard status == 0 else {
            throw Failure(description: "\(command[0]) ended with \(status): \(text.suffix(2_000))")
        }
        return text.trimmingCharacters(in: .newlines)
    }

    private func makeCertificate() async throws {
        let script = """
            cd "$1" && umask 077 && openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
            -addext subjectAltName=DNS:localhost -keyout server.key -out server.crt 2>/dev/null && chmod 644 server.crt
            """
        _ = try await Self.run(["sh", "-c", script, "sh", data], as: Self.privileges)
    }

    private static func newFolder() throws -> URL {
        // Not in the temporary folder of the process: a socket's path has 107 bytes at most, and the server's user must
        // be able to go there.
        let folder = URL(filePath: "/tmp/kbs-postgresql-\(UUID().uuidString.prefix(13))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder
    }

    private static func giveAway(_ folder: URL) async throws {
        guard !privileges.isEmpty else { return }
        _ = try await run(["chown", "-R", "postgres:postgres", folder.path], as: [])
    }

    private static let givenPorts = Lock<Set<Int>>([])

    /// Below those that the system gives to others, so that nobody gets it before the server does, or while it is
    /// stopped.
    private static func freePort() throws -> Int {
        for _ in 0..<100 {
            let port = Int.random(in: 15_000..<30_000)
            guard givenPorts.withLock({ $0.insert(port).inserted }) else { continue }
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(descriptor) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(port).bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            let length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let isFree = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) == 0 }
            }
            if isFree { return port }
        }
        throw Failure(description: "no port is free")
    }
}
