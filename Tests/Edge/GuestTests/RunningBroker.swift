import Bytes
import EvidenceSupport
import Foundation
import HTTPClient
import Installation
import Logging
import Server
import SimulatedHardware
import TLSSupport
import TestSupport
import X509

/// A real broker on loopback that trusts the tests' simulated hardware and knows some workloads.
enum RunningBroker {
    /// - Parameter identity: nil for plain HTTP.
    static func run(
        workloads: [String: String], as identity: TLSIdentity? = nil, _ body: (_ port: Int) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder()
        var settings = Settings()
        settings.listen = .init(host: "127.0.0.1", port: 0)
        settings.dataFolder = folder.file("data")
        settings.keyDistribution = nil
        settings.simulatedRoots = try Simulated.roots
        // A busy machine may let a test's own client wait for long.
        (settings.limits.headerTimeout, settings.limits.bodyTimeout) = (600, 600)
        if let identity {
            let files = try identity.write(to: folder.url)
            (settings.tls.certificate, settings.tls.key) = (files.certificate, files.key)
        }
        var logger = Logger(label: "kbs")
        logger.logLevel = .critical
        let (addresses, report) = AsyncStream.makeStream(of: Installation.Settings.Address.self)
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
            var client = HTTP1Client.Configuration()
            client.authorities = identity.map { Array($0.certificate.pem.utf8) }
            let transport = GuestTransport(
                base: "\(identity == nil ? "http" : "https")://localhost:\(address.port)", client: HTTP1Client(client))
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
