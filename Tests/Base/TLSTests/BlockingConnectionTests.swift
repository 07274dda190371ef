import Foundation
import Glibc
import TLSSupport
import Testing
import X509

@testable import TLS

@Suite("Connections whose calls wait")
struct BlockingConnectionTests {
    init() { HandshakeTests.sigpipe }

    private var soon: ContinuousClock.Instant { .now.advanced(by: .seconds(300)) }

    /// Sends back what comes, in capitals, until there is no more.
    private func echo(_ context: TLSContext?) throws -> TestListener {
        try TestListener { socket in
            let connection = BlockingConnection(taking: socket)
            let deadline = ContinuousClock.now.advanced(by: .seconds(300))
            do {
                if let context { try connection.acceptTLS(context, until: deadline) }
                while case let bytes = try connection.read(atMost: 1_000, until: deadline), !bytes.isEmpty {
                    let text = String(decoding: bytes, as: UTF8.self).uppercased()
                    try connection.write(Array(text.utf8), until: deadline)
                }
                connection.finishWriting()
            } catch {}
        }
    }

    private func error(_ body: () throws -> Void) -> ConnectionError? {
        do {
            try body()
            return nil
        } catch { return error as? ConnectionError }
    }

    @Test("Bytes go both ways, until each side has said that it is done", arguments: [false, true])
    func echoes(isTLS: Bool) throws {
        let sides = try Sides()
        let listener = try echo(isTLS ? sides.server : nil)
        for host in ["127.0.0.1", "localhost"] {
            let connection = try BlockingConnection(to: host, port: listener.port, until: soon)
            if isTLS { try connection.startTLS(sides.client(), as: host, until: soon) }
            let sent = String(repeating: "abcdefgh", count: 50_000)
            let chunk = 8_000
            var received = ""
            for start in stride(from: 0, to: sent.utf8.count, by: chunk) {
                try connection.write(Array(Array(sent.utf8)[start..<min(start + chunk, sent.utf8.count)]), until: soon)
                while received.utf8.count < min(start + chunk, sent.utf8.count) {
                    received += String(decoding: try connection.read(atMost: 3_000, until: soon), as: UTF8.self)
                }
            }
            #expect(received == sent.uppercased())
            connection.finishWriting()
            #expect(try connection.read(atMost: 10, until: soon).isEmpty)
        }
    }

    @Test("A port where nobody listens, and a name without an address, are told")
    func unreachable() {
        #expect(error { _ = try BlockingConnection(to: "127.0.0.1", port: 1, until: soon) } == .refused)
        #expect(error { _ = try BlockingConnection(to: "a\0b", port: 1, until: soon) } == .name)
    }

    @Test("A side that says nothing is waited for until the deadline, in the handshake too")
    func silence() throws {
        let sides = try Sides()
        let listener = try TestListener { socket in
            // Until the other side goes.
            var byte: UInt8 = 0
            while recv(socket, &byte, 1, 0) > 0 {}
            close(socket)
        }
        let connection = try BlockingConnection(to: "127.0.0.1", port: listener.port, until: soon)
        #expect(error { _ = try connection.read(atMost: 1, until: .now) } == .time)
        #expect(error { try connection.startTLS(sides.client(), as: "localhost", until: .now) } == .time)
        let much = [UInt8](repeating: 0, count: 100_000_000)
        let deaf = try TestListener { _ in }
        let full = try BlockingConnection(to: "127.0.0.1", port: deaf.port, until: soon)
        #expect(error { try full.write(much, until: .now.advanced(by: .milliseconds(50))) } == .time)
    }

    @Test("Who is not trusted, hangs up or speaks no TLS is told in words")
    func words() throws {
        let sides = try Sides()
        let tls = try echo(sides.server)
        let untrusting = try TLSContext(TLSClientConfiguration(.pins([])))
        let refused = error {
            try BlockingConnection(to: "127.0.0.1", port: tls.port, until: soon)
                .startTLS(untrusting, as: "127.0.0.1", until: soon)
        }
        #expect(refused?.description == "its key is not one of the pinned keys")
        let deaf = try TestListener { close($0) }
        let closed = error {
            try BlockingConnection(to: "127.0.0.1", port: deaf.port, until: soon)
                .startTLS(sides.client(), as: "127.0.0.1", until: soon)
        }
        #expect(closed?.description == "it hung up before TLS was agreed on")
        let plain = try TestListener { socket in
            let answer = "HTTP/1.1 400 Bad Request\r\n\r\n"
            _ = send(socket, answer, answer.utf8.count, Int32(MSG_NOSIGNAL))
        }
        let notTLS = error {
            try BlockingConnection(to: "127.0.0.1", port: plain.port, until: soon)
                .startTLS(sides.client(), as: "127.0.0.1", until: soon)
        }
        #expect(notTLS?.description == "it answers without TLS: use http://, or the port for https://")
    }

    @Test("A connection that breaks off is no end")
    func breaksOff() throws {
        let sides = try Sides()
        let listener = try TestListener { socket in
            let connection = BlockingConnection(taking: socket)
            let deadline = ContinuousClock.now.advanced(by: .seconds(300))
            try? connection.acceptTLS(sides.server, until: deadline)
            try? connection.write(Array("half".utf8), until: deadline)
        }
        let connection = try BlockingConnection(to: "127.0.0.1", port: listener.port, until: soon)
        try connection.startTLS(sides.client(), as: "127.0.0.1", until: soon)
        #expect(try connection.read(atMost: 100, until: soon) == Array("half".utf8))
        #expect(error { _ = try connection.read(atMost: 100, until: soon) } == .closed)
    }
}
