import Concurrency
import Foundation
import TLS
import TLSSupport
import X509

/// Answers each connection with the next of its texts, and the last one for ever; with TLS if it has an identity.
final class CannedServer: Sendable {
    private let log = Lock<[String]>([])
    private let answers: [String]
    private let context: TLSContext?

    /// What was asked, in the order in which it came.
    var asked: [String] { log.withLock { $0 } }

    static func run(
        _ answers: [String], as identity: TLSIdentity? = nil,
        _ body: (CannedServer, _ port: Int) async throws -> Void
    ) async throws {
        let server = try CannedServer(answers, identity)
        let listener = try TestListener { [server] in server.serve(BlockingConnection(taking: $0)) }
        try await body(server, Int(listener.port))
        withExtendedLifetime(listener) {}
    }

    private init(_ answers: [String], _ identity: TLSIdentity?) throws {
        self.answers = answers
        context = try identity.map { try TLSContext(TLSServerConfiguration($0)) }
    }

    private func serve(_ connection: BlockingConnection) {
        let deadline = ContinuousClock.now.advanced(by: .seconds(60))
        do {
            if let context { try connection.acceptTLS(context, until: deadline) }
            var text = ""
            while !(text.contains("\r\n\r\n") && (text.hasPrefix("GET") || text.hasSuffix("}"))) {
                let bytes = try connection.read(atMost: 65_536, until: deadline)
                guard !bytes.isEmpty else { return }
                text += String(decoding: bytes, as: UTF8.self)
            }
            let count = log.withLock {
                $0.append(text)
                return $0.count
            }
            let answer = answers[min(count, answers.count) - 1]
            if !answer.isEmpty { try connection.write(Array(answer.utf8), until: deadline) }
            // Open, and silent, until the guest goes.
            _ = try connection.read(atMost: 1, until: deadline)
        } catch {
            // The guest has gone, or did not trust it.
        }
    }

    static func text(_ status: String, _ body: String, _ headers: String = "") -> String {
        "HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\n\(headers)\r\n\(body)"
    }
}
