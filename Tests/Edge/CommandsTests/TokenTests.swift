import Concurrency
import Foundation
import Glibc
import TLSSupport
import TestSupport
import Testing

@Suite("The token of an operator")
struct TokenTests {
    /// What must not be seen anywhere.
    private static let mark = "kbs_MARKEDMARKED_secretsecretsecret"

    private static let unauthorized = """
        HTTP/1.1 401 Unauthorized\r\nContent-Type: application/problem+json\r\nContent-Length: 2\r\n\r\n{}
        """

    @Test(
        "Blanks and line ends around it are dropped, from the environment as from a file",
        arguments: ["\\n", "\\r\\n", " \\n", "\\t"])
    func trimmed(_ end: String) async throws {
        let shell = try Shell()
        let server = try Answering(Self.unauthorized)
        for token in ["KBS_TOKEN=\"$T\" $KBS", "printf %s \"$T\" >f; TOKEN_FILE=1 $KBS"] {
            let file = token.contains("TOKEN_FILE") ? " --token-file f" : ""
            _ = try await shell(
                "T=$(printf '\(Self.mark)\(end)x'); T=${T%x}; \(token) workload list --url http://127.0.0.1:\(server.port)\(file)"
            )
        }
        let sent = server.requests.components(separatedBy: "uthorization: Bearer \(Self.mark)\r\n").count - 1
        #expect(sent == 2)
    }

    @Test("A character that no token has is told by its place, and nothing is sent")
    func wrongCharacter() async throws {
        let shell = try Shell()
        let server = try Answering(Self.unauthorized)
        let line = "$KBS workload list --url http://127.0.0.1:\(server.port)"
        #expect(
            try await shell("KBS_TOKEN=$'kbs_a\\nb' \(line)")
                == ProgramResult(status: 2, errors: "Error: KBS_TOKEN holds a character that no token has (at 6)\n"))
        #expect(
            try await shell("printf 'kbs_ä' >f; \(line) --token-file f")
                == ProgramResult(status: 2, errors: "Error: f holds a character that no token has (at 5)\n"))
        #expect(
            try await shell("printf '\\n' >f; \(line) --token-file f")
                == ProgramResult(status: 2, errors: "Error: f is empty: it should hold a token\n"))
        #expect(server.requests.isEmpty)
    }

    @Test(
        "It is in no error, whatever the server or the way to it does",
        arguments: [
            "", "x", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n<a>",
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 407 Proxy\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 401 Unauthorized\r\nContent-Length: 35\r\n\r\n\(mark)",
            // A server that repeats it.
            "HTTP/1.1 403 Forbidden\r\nContent-Type: application/problem+json\r\nConnection: close\r\n\r\n"
                + "{\"code\":\"x\",\"detail\":\"\(mark)\"}",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        ])
    func marked(_ answer: String) async throws {
        let shell = try Shell()
        let server = try Answering(answer)
        for command in ["workload list", "status", "token list", "audit export", "workload show web"] {
            for address in ["http://127.0.0.1:\(server.port)", "https://127.0.0.1:\(server.port)"] {
                let result = try await shell("KBS_TOKEN=\(Self.mark) $KBS \(command) --url \(address)")
                #expect(result.status != 0)
                #expect(!result.errors.isEmpty)
                #expect(!(result.output + result.errors).contains("MARKED"))
            }
        }
    }

    @Test(
        "Nor when there is no server",
        arguments: [
            "--url http://127.0.0.1:1", "--url https://127.0.0.1:1", "--url http://name.invalid --insecure-http",
            "--url ftp://x", "--url nonsense", "--url http://192.0.2.1:80", "--url unix:/nosuch/socket",
            "--url http://127.0.0.1:99999", "--url 'http://127.0.0.1:1/a b'",
        ])
    func nobody(_ options: String) async throws {
        let result = try await Shell()("KBS_TOKEN=\(Self.mark) $KBS workload list \(options)")
        #expect(result.status != 0)
        #expect(result.errors.hasPrefix("Error: "))
        #expect(!result.errors.contains("MARKED"))
    }
}

/// Answers every connection with the same bytes and closes it, whatever was asked.
final class Answering: Sendable {
    var port: Int { Int(listener.port) }
    private let listener: TestListener
    private let seen = Lock("")

    /// What was asked, so far.
    var requests: String { seen.withLock { $0 } }

    init(_ answer: String) throws {
        listener = try TestListener { [seen] connection in
            var bytes = [UInt8](repeating: 0, count: 65_536)
            let count = read(connection, &bytes, bytes.count)
            seen.withLock { $0 += String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self) }
            _ = Array(answer.utf8).withUnsafeBytes {
                send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            close(connection)
        }
    }
}
