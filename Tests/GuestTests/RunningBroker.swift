import AsyncHTTPClient
import Evidence
import Foundation
import Logging
import Server
import SimulatedHardware
import TestSupport

/// A real broker on loopback that trusts the tests' simulated hardware and knows some workloads.
enum RunningBroker {
    static func run(
        workloads: [String: String], _ body: (_ port: Int) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder()
        var settings = Settings()
        settings.listen = .init(host: "127.0.0.1", port: 0)
        settings.dataFolder = folder.file("data")
        settings.keyDistribution = nil
        settings.simulatedRoots = try Simulated.roots
        var logger = Logger(label: "kbs")
        logger.logLevel = .critical
        let (addresses, report) = AsyncStream.makeStream(of: Server.Settings.Address.self)
        let server = KBSServer(settings, logger: logger) { report.yield($0) }
        let task = Task {
            defer { report.finish() }
            try await server.run()
        }
        do {
            guard let address = await addresses.first(where: { _ in true }) else {
                try await task.value
                throw CancellationError()
            }
            let transport = GuestTransport(base: "http://\(address)", client: .shared)
            for (id, secret) in workloads {
                try await transport.register(
                    id, measurement: Hex.encode(Simulated.measurement(id)), configuration: "", secret: secret)
            }
            try await body(address.port)
        } catch {
            task.cancel()
            _ = await task.result
            throw error
        }
        task.cancel()
        _ = await task.result
        _ = folder
    }
}
