import Foundation
import Glibc
import Testing
import X509

@testable import TLS

@Suite("Bytes over TLS")
struct SessionTests {
    init() { HandshakeTests.sigpipe }

    @Test("Much goes through in pieces, from a buffer that moves, and each side says what it waits for")
    func much() throws {
        let pair = try Sides().shake()
        let sent = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 * 7) }
        var (received, position, waits) = ([UInt8](), 0, 0)
        var buffer = [UInt8](repeating: 0, count: 10_000)
        while received.count < sent.count {
            writing: while position < sent.count {
                // A copy each time.
                let rest = Array(sent[position...].prefix(100_000))
                switch rest.withUnsafeBytes({ pair.server.write($0) }) {
                case .done(let count): position += count
                case .wantWrite:
                    waits += 1
                    break writing
                default:
                    Issue.record("the server's side has ended")
                    break writing
                }
            }
            reading: while true {
                switch buffer.withUnsafeMutableBytes({ pair.client.read(into: $0) }) {
                case .done(let count): received += buffer.prefix(count)
                case .wantRead: break reading
                default:
                    Issue.record("the client's side has ended")
                    break reading
                }
            }
        }
        #expect(received == sent && waits > 0)
    }

    @Test("What was read from the socket and not asked for yet is pending")
    func pending() throws {
        let pair = try Sides().shake()
        #expect(!pair.server.hasPending)
        #expect(pair.client.send("hello") == .done(5))
        var byte: [UInt8] = [0]
        #expect(byte.withUnsafeMutableBytes { pair.server.read(into: $0) } == .done(1))
        #expect(pair.server.hasPending)
        #expect(pair.server.text().text == "ello" && !pair.server.hasPending)
        #expect(pair.server.text().step == .wantRead)
    }

    @Test("An end that was announced is an end; the other direction goes on", arguments: [TLSVersion.tlsv12, .tlsv13])
    func shutdown(version: TLSVersion) throws {
        let pair = try Sides().shake { $0.versions = version...version }
        #expect(pair.server.shutdown() == .done(0))
        #expect(pair.client.text().step == .closed)
        #expect(pair.client.text().step == .closed, "and stays one")
        #expect(pair.client.send("more") == .done(4))
        #expect(pair.server.text().text == "more")
        #expect(pair.client.shutdown() == .done(0))
        #expect(pair.server.text().step == .closed)
    }

    @Test("A connection that breaks off is no end", arguments: [true, false])
    func breaksOff(isReset: Bool) throws {
        let pair = try Sides().shake()
        Glibc.shutdown(pair.serverSocket, Int32(isReset ? SHUT_RDWR : SHUT_WR))
        let step = isReset ? pair.client.send("x") : pair.client.text().step
        #expect(step == .failed(TLSError(.closed, "the connection broke")))
        #expect(pair.client.text().step == .failed(TLSError(.closed, "the connection broke")))
    }

    @Test("A shutdown before anything was agreed on does no harm")
    func early() throws {
        let pair = try Pair(Sides().server, Sides().client())
        #expect(pair.server.shutdown() == .done(0))
    }

    private func serverError(_ bytes: [UInt8], closes: Bool = false) throws -> TLSError? {
        let (socket, other) = Pair.sockets()
        defer {
            close(socket)
            close(other)
        }
        write(other, bytes, bytes.count)
        if closes { Glibc.shutdown(other, Int32(SHUT_WR)) }
        let session = try TLSSession(Sides().server, accepting: socket)
        guard case .failed(let error) = session.handshake() else { return nil }
        return error
    }

    @Test("What is not TLS is told from HTTP, and from a client that hangs up")
    func foreign() throws {
        let http = try serverError(Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
        #expect(http?.kind == .plainHTTP && http?.description.contains("https://") == true)
        #expect(try serverError(Array("CONNECT a:1 HTTP/1.1\r\n\r\n".utf8))?.kind == .plainHTTP)
        #expect(try serverError(Array("SSH-2.0-OpenSSH_9.2p1\r\n".utf8)) == TLSError(.notTLS, "what came is not TLS"))
        #expect(try serverError([UInt8](repeating: 0, count: 100))?.kind == .notTLS)
        #expect(try serverError([], closes: true) == TLSError(.closed, "it hung up before TLS was agreed on"))
        #expect(try serverError([0x16, 3, 1, 0, 5, 1, 0], closes: true)?.kind == .closed)
        #expect(try serverError([0x16, 3, 1, 0]) == nil, "more may come")
        let noise = (0..<200).map { UInt8(truncatingIfNeeded: $0 * 37 + 11) }
        #expect(try serverError([0x16, 3, 1, 0, 200] + noise) != nil)
    }

    @Test("A server that answers in plain text is told, with what to do")
    func plainServer() throws {
        let (socket, other) = Pair.sockets()
        defer {
            close(socket)
            close(other)
        }
        let session = try TLSSession(Sides().client(), connecting: socket, to: "localhost")
        #expect(session.handshake() == .wantRead)
        let answer = "HTTP/1.1 400 Bad Request\r\n\r\n"
        write(other, answer, answer.utf8.count)
        #expect(
            session.handshake()
                == .failed(TLSError(.notTLS, "it answers without TLS: use http://, or the port for https://")))
    }
}
