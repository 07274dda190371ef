import Administration
import BrokerSupport
import Concurrency
import Foundation
import HTTP
import HTTPClient
import Installation
import SimulatedHardware
import Storage
import TestSupport
import Testing

@testable import Server

@Suite("Health")
struct HealthTests {
    struct Broken: Error, CustomStringConvertible { let description: String }

    @Test("A server that works is alive and ready")
    func healthy() async throws {
        try await RunningServer.run { server in
            #expect(try await server.send("GET", "/livez").body == "ok\n")
            let ready = try await server.whenReady()
            #expect(ready.body == "ok serving\nok database\nok manifest\nok trail\n")
        }
    }

    @Test("A server whose database is broken is alive and not ready, and says why to operators only")
    func brokenDatabase() async throws {
        let file = Lock<URL?>(nil)
        func breakDatabase() throws {
            let folder = try #require(file.withLock { $0 })
            let store = try SQLiteStore(file: folder.appending(path: "kbs.sqlite"))
            try store.tamper("DROP TABLE kbs_schema")
            try store.close()
        }
        for networks in ["127.0.0.1", "192.0.2.1"] {
            try await RunningServer.run { settings in
                settings.metricsNetworks = try NetworkList(networks)
                file.withLock { $0 = settings.dataFolder }
            } _: { server in
                _ = try await server.whenReady()
                try breakDatabase()
                try await Task.sleep(for: .milliseconds(1_100))
                let ready = try await server.send("GET", "/readyz")
                #expect(ready.status == 503)
                let lines = ready.body.split(separator: "\n")
                #expect(lines.first == "ok serving")
                #expect(lines.count == 4 && lines[1].hasPrefix("failed database"))
                #expect((lines[1] == "failed database") == (networks == "192.0.2.1"), "\(ready.body)")
                #expect(try await server.send("GET", "/livez").status == 200)
            }
        }
    }

    @Test(
        "A server that cannot follow the manifest is not ready: it was changed, is older, or under a key that is missing",
        arguments: [
            "UPDATE manifest_seal SET sealed = x'00'", "DELETE FROM manifest_seal",
            "UPDATE manifest_seal SET master_key = '0123456789abcdef', state = state + 1",
        ])
    func manifest(_ sql: String) async throws {
        try await RunningServer.run { settings in
            settings.metricsNetworks = try NetworkList("127.0.0.1")
        } _: { server in
            try await GuestTransport(base: server.base, client: .shared).register(
                "app", measurement: String(repeating: "ab", count: 48), configuration: "", secret: "s")
            #expect(try await server.send("GET", "/readyz").status == 200)
            let store = try SQLiteStore(file: server.settings.dataFolder.appending(path: "kbs.sqlite"))
            try store.tamper(sql)
            try store.close()
            try await Task.sleep(for: .milliseconds(1_100))
            let ready = try await server.send("GET", "/readyz")
            #expect(ready.status == 503)
            #expect(ready.body.contains("ok database\nfailed manifest: "), "\(ready.body)")
        }
    }

    @Test("A server whose disk is full is not ready, and goes on reading")
    func fullDisk() async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess.start(folder, longestFile: 1_024)
        let transport = GuestTransport(base: server.base, client: .shared)
        func status(_ path: String) async throws -> (Int, String) {
            let reply = try await HTTP1Client.shared.execute(
                HTTPClientRequest(url: server.base + path), timeout: .seconds(60))
            return (reply.status.code, reply.text)
        }
        try await eventually("it is ready") { try await status("/readyz").0 == 200 }
        var refusal: GuestTransport.Refused?
        for number in 0..<200 where refusal == nil {
            do {
                try await transport.register(
                    "app-\(number)", measurement: String(repeating: "ab", count: 48), configuration: "",
                    secret: "secret")
            } catch let error as GuestTransport.Refused {
                refusal = error
            }
        }
        #expect(refusal?.status == 503)
        // What is left has room for a smaller write, for a while.
        var (ready, page) = try await status("/readyz")
        for _ in 0..<60 where ready == 200 {
            try await Task.sleep(for: .milliseconds(1_100))
            (ready, page) = try await status("/readyz")
        }
        #expect(ready == 503 && page.contains("failed database: "), "\(page)")
        #expect(try await status("/livez").0 == 200)
        #expect(try await status("/api/v1/workloads/app-0").0 == 200)
        let metrics = try await status("/metrics").1
        #expect(metrics.contains(#"kbs_readiness_check{check="database"} 0"#))
        #expect(metrics.contains(/\nkbs_write_commit_failures_total [1-9]/))
    }

    @Test("Each check has a line of its own, in order, whichever ends first")
    func lines() async {
        let readiness = Readiness(
            [
                ReadinessCheck(name: "slow") { try await Task.sleep(for: .milliseconds(50)) },
                ReadinessCheck(name: "trail") { throw Broken(description: "record 7 was edited") },
                ReadinessCheck(name: "fast") {},
            ], patience: .seconds(600))
        let results = await readiness.results()
        #expect(results.map(\.name) == ["serving", "slow", "trail", "fast"])
        #expect(results.map(\.failure) == [nil, nil, "record 7 was edited", nil])
    }

    @Test("However many ask at once, a check runs once")
    func caching() async {
        let runs = Lock(0)
        let readiness = Readiness(
            [ReadinessCheck(name: "x") { runs.withLock { $0 += 1 } }], pause: .seconds(600), patience: .seconds(600))
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<50 { group.addTask { _ = await readiness.results() } }
        }
        #expect(runs.withLock { $0 } == 1)
    }

    @Test("What failed is tried again, once the pause is over")
    func recovery() async {
        let runs = Lock(0)
        let readiness = Readiness(
            [
                ReadinessCheck(name: "x") {
                    if runs.withLock({ runs in
                        runs += 1
                        return runs
                    }) == 1 {
                        throw Broken(description: "not yet")
                    }
                }
            ], pause: .zero, patience: .seconds(600))
        #expect(await readiness.results().last?.failure == "not yet")
        #expect(await readiness.results().last?.failure == nil)
    }

    @Test("A check that never ends is a check that fails")
    func hanging() async {
        let readiness = Readiness(
            [ReadinessCheck(name: "disk") { await withCheckedContinuation { waiting in Self.hold(waiting) } }],
            patience: .milliseconds(20))
        #expect(await readiness.results().last?.failure?.hasPrefix("no answer within") == true)
    }

    @Test(
        "However many checks hang, each holds one thread of its own, and none is tried again before it ends",
        .timeLimit(.minutes(10)))
    func manyHanging() async throws {
        let runs = Lock(0)
        let disk = DispatchGroup()
        disk.enter()
        // More than there are threads that tasks share.
        let count = ProcessInfo.processInfo.activeProcessorCount * 4
        let hanging = ReadinessCheck(name: "disk") {
            runs.withLock { $0 += 1 }
            disk.wait()
        }
        let readiness = Readiness(Array(repeating: hanging, count: count), pause: .zero, patience: .milliseconds(200))
        for _ in 0..<3 { #expect(await readiness.results().dropFirst().allSatisfy { $0.failure != nil }) }
        #expect(await readiness.results().last?.failure == "the last trial has not ended")
        #expect(runs.withLock { $0 } <= count)
        disk.leave()
        while await readiness.results().contains(where: { $0.failure != nil }) {
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    private static let held = Lock<[CheckedContinuation<Void, Never>]>([])
    private static func hold(_ continuation: CheckedContinuation<Void, Never>) {
        held.withLock { $0.append(continuation) }
    }

    @Test("After SIGTERM the server serves on for as long as it was told to, and ends")
    func delayedEnd() async throws {
        let server = try await ServerProcess.start(try TemporaryFolder(), "--set", "http.drain_delay=1s")
        server.send(signal: SIGTERM)
        #expect(try await server.ends(within: .seconds(60)))
        #expect(server.status == 0)
        #expect(server.log.contains("Stopping soon.") && server.log.contains("Stopped."))
    }

    @Test("After SIGTERM the server is not ready and goes on serving")
    func draining() async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess.start(folder, "--set", "http.drain_delay=10m")
        func status(_ path: String) async throws -> Int {
            try await HTTP1Client.shared.execute(HTTPClientRequest(url: server.base + path), timeout: .seconds(60))
                .status.code
        }
        try await eventually("it is ready") { try await status("/readyz") == 200 }
        server.send(signal: SIGTERM)
        try await eventually("it is not ready") { try await status("/readyz") == 503 }
        #expect(try await status("/livez") == 200)
        #expect(try await status("/kbs/v0") == 401)
        #expect(server.isRunning)
    }
}
