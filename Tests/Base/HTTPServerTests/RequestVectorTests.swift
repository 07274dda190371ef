import Concurrency
import EdgeSupport
import Foundation
import HTTP
import HTTPServer
import TestSupport
import Testing

/// ../shared/vectors/http/requests.json over a real socket.
@Suite("Requests with right answers", .enabled(if: Vectors.arePresent, "../shared is not there"))
struct RequestVectorTests {
    struct Case: Decodable, Sendable, CustomTestStringConvertible {
        let name, bytes, why: String
        let seen: [String]
        let answer: Int?

        var testDescription: String { name }
    }

    private struct File: Decodable { let cases: [Case] }

    static let cases: [Case] = {
        guard let bytes = try? Vectors.bytes("vectors/http/requests.json"),
            let file = try? JSONDecoder().decode(File.self, from: Data(bytes))
        else { return [] }
        return file.cases
    }()

    @Test("All are there")
    func count() { #expect(Self.cases.count == 49) }

    /// The statuses that the text of a case allows where it names none.
    private static let allowed: [String: Set<Int>] = [
        "post with length": [200], "post then get": [200], "chunked": [200], "chunked in two, upper-case hex": [200],
        "length past 64 bits": [400, 413], "unknown coding": [400, 501], "gzip, chunked": [400, 501],
        "chunked twice": [400, 501], "no version": [400], "version 2.0": [400, 505], "HTTP/2 preface": [400, 505],
        "chunk size past 64 bits": [400, 413], "target too long": [414, 431], "unknown method": [405, 501],
    ]

    @Test("Each request is answered as it should be, in one piece and byte by byte", arguments: cases)
    func vector(vector: Case) async throws {
        let seen = Lock<[String]>([])
        try await TestServer.run { request in
            let name = "\(request.head.method) \(request.head.path)"
            do {
                let body = try await request.body.collect(upTo: 1_000)
                seen.withLock { $0.append(name) }
                return OutgoingResponse(status: .ok, body: body)
            } catch BodyFailure.malformed(let fault) {
                return OutgoingResponse(status: fault.status, text: fault.reason)
            } catch {
                return OutgoingResponse(status: .internalServerError, text: "\(error)")
            }
        } _: { server in
            let bytes = vector.bytes.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
            for pieces in [bytes.count, 1] where pieces > 1 || bytes.count < 1_000 {
                seen.withLock { $0 = [] }
                let answer = try await server.connect { socket in
                    for start in stride(from: 0, to: bytes.count, by: pieces) {
                        // Whoever is refused in the middle is not read any further.
                        guard (try? await socket.send(Array(bytes[start..<min(start + pieces, bytes.count)]))) != nil
                        else { break }
                    }
                    if vector.name == "expect continue" { return await socket.receive(until: "\r\n\r\n") }
                    socket.finishSending()
                    return await socket.receiveRest()
                }
                try check(answer, vector, seen.withLock { $0 })
            }
        }
    }

    private func check(_ answer: String, _ vector: Case, _ seen: [String]) throws {
        let statuses = answer.matches(of: #/HTTP/1\.1 (\d{3}) /#).compactMap { Int($0.1) }
        let first = try #require(statuses.first, "no answer to \(vector.name)")
        if let wanted = vector.answer {
            #expect(first == wanted, "\(vector.why)")
        } else {
            #expect(Self.allowed[vector.name]?.contains(first) == true, "\(vector.name): \(first)")
        }
        #expect(seen == vector.seen)
        guard vector.name != "expect continue" else { return }
        #expect(statuses.count == max(vector.seen.count, 1), "nothing is answered that was not asked")
        if first >= 400 { #expect(answer.contains("\r\nConnection: close\r\n")) }
        if vector.name == "HEAD" { #expect(answer.ranges(of: "\r\n\r\n").count == 2) }
    }
}
