import Concurrency
import Foundation
import HTTP
import Testing

@testable import HTTPClient

/// The error of a request that has none but such an error.
func failure(
    _ request: HTTPClientRequest, timeout: Duration = .seconds(300), upTo limit: Int = 1 << 20,
    _ change: (inout HTTP1Client.Configuration) -> Void = { _ in }
) async throws -> HTTPClientError {
    try #require(
        await #expect(throws: HTTPClientError.self) {
            try await send(request, timeout: timeout, upTo: limit, change)
        })
}

@Suite("Limits of an exchange")
struct ExchangeLimitTests {
    @Test(
        "An answer of more bytes than are taken is refused, however it comes; one of just as many is not",
        arguments: [
            "Content-Length: 10\r\n\r\n0123456789",
            "Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n",
            "Connection: close\r\n\r\n0123456789",
        ])
    func size(answer: String) async throws {
        let server = try StandIn { _, connection in
            _ = connection.head()
            connection.write("HTTP/1.1 200 OK\r\n" + answer)
        }
        let request = HTTPClientRequest(url: server.url)
        #expect(try await send(request, upTo: 10).text == "0123456789")
        let error = try await failure(request, upTo: 9)
        #expect(error.reason == .size)
        #expect(error.description == "The response of 127.0.0.1:\(server.port) is longer than 9 bytes.")
    }

    @Test("An answer that never ends is ended at the limit")
    func endless() async throws {
        let server = try StandIn { _, connection in
            _ = connection.head()
            connection.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while connection.write("400\r\n" + String(repeating: "x", count: 1_024) + "\r\n") {}
        }
        #expect(try await failure(HTTPClientRequest(url: server.url)).reason == .size)
    }

    @Test("A header of more than 64 KiB is refused")
    func head() async throws {
        let server = try StandIn { _, connection in
            _ = connection.head()
            connection.write("HTTP/1.1 200 OK\r\n")
            for number in 0..<20_000 where !connection.write("X-\(number): a\r\n") { return }
        }
        let error = try await failure(HTTPClientRequest(url: server.url))
        #expect(error.reason == .size && error.description.contains("header"))
    }

    @Test("Time is for the whole answer, not for its next piece")
    func trickle() async throws {
        let server = try StandIn { _, connection in
            _ = connection.head()
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            while connection.write("x") { usleep(5_000) }
        }
        let error = try await failure(HTTPClientRequest(url: server.url), timeout: .seconds(2))
        #expect(error.reason == .time)
        #expect(error.description == "127.0.0.1:\(server.port) did not answer within 2 seconds.")
    }

    @Test("A server that takes a request and says nothing has no more than the time")
    func silence() async throws {
        let server = try StandIn { _, connection in connection.waitForEnd() }
        let error = try await failure(HTTPClientRequest(url: server.url), timeout: .milliseconds(200))
        #expect(error.reason == .time)
    }

    @Test("No time at all is not taken for no limit")
    func noTime() async throws {
        let server = try StandIn { _, connection in connection.waitForEnd() }
        for time in [Duration.zero, .seconds(-5), .nanoseconds(1)] {
            #expect(try await failure(HTTPClientRequest(url: server.url), timeout: time).reason == .time)
        }
    }

    @Test("A handshake that does not go on has no more than the time")
    func handshake() async throws {
        let server = try StandIn { _, connection in connection.waitForEnd() }
        let error = try await failure(
            HTTPClientRequest(url: "https://127.0.0.1:\(server.port)"), timeout: .seconds(2))
        #expect(error.reason == .time && error.description.contains("TLS handshake"))
    }

    @Test("A connection that does not come about has no more than the time")
    func connecting() async throws {
        // A queue that is full: Linux then answers no further SYN.
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(listener) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 0) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        try #require(isListening)
        let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(client) }
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(client, $0, length) == 0 }
        }
        try #require(isConnected)
        let port = UInt16(bigEndian: address.sin_port)
        for scheme in ["http", "https"] {
            let error = try await failure(
                HTTPClientRequest(url: "\(scheme)://127.0.0.1:\(port)"), timeout: .milliseconds(300))
            #expect(error.reason == .time)
            #expect(
                error.description.hasPrefix("Connecting to 127.0.0.1:\(port) took longer than 300 ms"), "\(error)")
        }
    }

    @Test("Who is cancelled goes on at once, and the connection is closed")
    func cancellation() async throws {
        let (arrived, arrival) = AsyncStream.makeStream(of: Void.self)
        let (ended, end) = AsyncStream.makeStream(of: Void.self)
        let server = try StandIn { _, connection in
            _ = connection.head()
            arrival.yield()
            connection.waitForEnd()
            end.yield()
        }
        let task = Task { try await send(HTTPClientRequest(url: server.url), timeout: .seconds(3_600)) }
        for await _ in arrived { break }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        for await _ in ended { break }
    }

    @Test("Who was cancelled before sends nothing")
    func cancelledBefore() async throws {
        let server = try StandIn.answering(ok())
        let (stream, gate) = AsyncStream.makeStream(of: Void.self)
        let task = Task {
            for await _ in stream {}
            return try await send(HTTPClientRequest(url: server.url))
        }
        task.cancel()
        gate.finish()
        await #expect(throws: CancellationError.self) { try await task.value }
        // One that comes later is the first to arrive.
        _ = try await send(HTTPClientRequest(url: server.url, path: "/later"))
        #expect(server.heads.map { $0.prefix(10) } == ["GET /later"])
    }
}
