import ArgumentParser
import AsyncHTTPClient
import Crypto
import Evidence
import Foundation
import NIOCore
import NIOSSL
import SimulatedHardware

/// Measures a server as a process of its own, from outside: docs/performance.md explains the figures.
@main
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kbs-bench", abstract: "Measure warm handshakes and an /auth flood against a fresh server.")

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
        let fixture = try await ServerProcess.start(binary: server, roots: platform.roots, tls: tls, roles: roles)
        defer { fixture.stop() }
        var configuration = HTTPClient.Configuration(
            connectionPool: .init(idleTimeout: .minutes(5), concurrentHTTP1ConnectionsPerHostSoftLimit: guests))
        if let certificate = fixture.certificate {
            var trust = TLSConfiguration.makeClientConfiguration()
            trust.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(certificate.utf8)))
            configuration.tlsConfiguration = trust
        }
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        let transport = GuestTransport(base: fixture.base, client: client, token: fixture.token)
        print("server                       process \(fixture.pid), \(fixture.base), settings as they are by default")

        let crowd = try await prepare(platform, transport)
        let handshakes = try await Load.run(workers: crowd.count, seconds: seconds, on: fixture) { worker in
            let key = try await crowd[worker].boot(over: transport)
            guard key == Array("secret \(worker)".utf8) else {
                throw MalformedInput("benchmark", "a wrong secret came")
            }
        }
        print("warm handshakes              \(handshakes.summary)")
        print("  bare verification / CPU    \(String(format: "%.3f", verification / handshakes.cpuPerRequest))")
        print("  peak memory                \(fixture.peakMemory / 1_024) MiB")

        let body = Data(#"{"version":"0.0.0","tee":"snp","extra-params":"{\"workload_id\":\"bench/0\"}"}"#.utf8)
        let flood = try await Load.run(workers: guests, seconds: seconds, on: fixture) { _ in
            _ = try await transport.send(.post, "/auth", body)
        }
        print("/auth flood                  \(flood.summary)")
        print("  memory before, after       \(flood.memoryBefore / 1_024), \(flood.memoryAfter / 1_024) MiB")
        print("  bytes written              \(flood.bytesWritten)")
        try await client.shutdown()
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

func micro(_ seconds: Double) -> String { String(format: "%.0f µs", seconds * 1e6) }
