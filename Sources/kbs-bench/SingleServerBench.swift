import ArgumentParser
import AsyncHTTPClient
import Crypto
import Evidence
import Foundation
import NIOCore
import NIOSSL
import SimulatedHardware

/// One server with the database in its folder: docs/performance.md.
struct SingleServerBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "single", abstract: "Measure warm handshakes and an /auth flood against a fresh server.")

    @Option(help: "The kbs binary.") var server: String
    @Option(help: "How many simulated guests run at a time.") var guests = 64
    @Option(help: "How long each load runs, in seconds.") var seconds = 20
    @Flag(help: "Serve over TLS.") var tls = false
    @Flag(help: "Make a token, so that registering needs one.") var roles = false
    @Option(help: "How many workloads are registered beside the guests' own.") var workloads = 0

    func run() async throws {
        let verification = try await BareVerification.measure()
        print("bare P-384 verification      \(micro(verification)) of CPU")

        let platform = try SimulatedSNPPlatform(product: .milan)
        var plan = ServerProcess.Plan(binary: server, roots: platform.roots)
        (plan.tls, plan.roles) = (tls, roles)
        let fixture = try await ServerProcess.start(plan)
        var configuration = HTTPClient.Configuration(
            connectionPool: .init(idleTimeout: .minutes(5), concurrentHTTP1ConnectionsPerHostSoftLimit: guests))
        if let certificate = fixture.certificate {
            var trust = TLSConfiguration.makeClientConfiguration()
            trust.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(certificate.utf8)))
            configuration.tlsConfiguration = trust
        }
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        let transport = GuestTransport(base: fixture.base, client: client, token: fixture.token)
        let statistics = fixture.statistics
        print("server                       process \(fixture.pid), \(fixture.base), settings as they are by default")

        let crowd = try await prepare(platform, transport)
        let handshakes = try await measured(statistics, workers: crowd.count) { worker in
            let key = try await crowd[worker].boot(over: transport)
            guard key == Array("secret \(worker)".utf8) else { throw WrongSecret() }
        }
        print("warm handshakes              \(handshakes.summary)")
        print("  bare verification / CPU    \(String(format: "%.3f", verification / handshakes.cpuPerRequest))")
        print("  peak memory                \(statistics.peakMemory / 1_024) MiB")

        let body = Data(#"{"version":"0.0.0","tee":"snp","extra-params":"{\"workload_id\":\"bench/0\"}"}"#.utf8)
        let (memory, written) = (statistics.memory, statistics.bytesWritten)
        let flood = try await measured(statistics, workers: guests) { _ in
            _ = try await transport.send(.post, "/auth", body)
        }
        print("/auth flood                  \(flood.summary)")
        print("  memory before, after       \(memory / 1_024), \(statistics.memory / 1_024) MiB")
        print("  bytes written              \(statistics.bytesWritten - written)")
        try await client.shutdown()
        await fixture.stop()
    }

    /// A load, and what it cost the server.
    private struct Measured {
        let load: Load
        let cpu: ProcessStatistics.CPUTime

        var cpuPerRequest: Double { cpu.total / Double(max(load.requests, 1)) }

        var summary: String {
            "\(load.summary), server CPU \(micro(cpuPerRequest)) each"
                + String(format: " (%.0f %% of it in the kernel)", cpu.system / cpu.total * 100)
        }
    }

    private func measured(
        _ server: ProcessStatistics, workers: Int, _ request: @escaping @Sendable (Int) async throws -> Void
    ) async throws -> Measured {
        let before = server.cpuTime
        let load = try await Load.run(workers: workers, seconds: seconds, request)
        return Measured(load: load, cpu: server.cpuTime - before)
    }

    /// Guests with their keys made, registered, and booted once, so that what follows is warm.
    private func prepare(_ platform: SimulatedSNPPlatform, _ transport: GuestTransport) async throws
        -> [SimulatedSNPGuest]
    {
        let tcb = TCBVersion(bootLoader: 4, tee: 0, snp: 22, microcode: 213)
        let signer = try platform.vcek(tcb: tcb)
        let configuration = #"{"flags":{"bits":3},"minfw":{"major":0,"minor":0}}"#
        func measurement(_ name: String) -> [UInt8] { Array(SHA384.hash(data: Data(name.utf8))) }
        for number in 0..<workloads {
            try await transport.register(
                "other/\(number)", measurement: Hex.encode(measurement("\(number)")), configuration: configuration,
                secret: "s")
        }
        var crowd: [SimulatedSNPGuest] = []
        for number in 0..<guests {
            let id = "bench/\(number)"
            var guest = try SimulatedSNPGuest(
                workload: id, on: platform, measurement: measurement(id), tcb: tcb, signer: signer)
            try await transport.register(
                id, measurement: Hex.encode(measurement(id)), configuration: configuration, secret: "secret \(number)")
            _ = try await guest.boot(over: transport)
            // libkrun's client sends no certificates.
            guest.certificates = []
            crowd.append(guest)
        }
        return crowd
    }
}

/// A guest got another secret than its own. Nothing else that is measured matters then.
struct WrongSecret: Error {}
