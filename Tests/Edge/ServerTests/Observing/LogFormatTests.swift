import Administration
import Foundation
import HTTP
import HTTPClient
@testable import Installation
import Logging
import TestSupport
import Testing
import Tracing

@testable import Server

/// Log lines that were written to a real file.
private struct LogFile {
    private let folder: TemporaryFolder
    private let handle: FileHandle
    private let file: URL
    let sink: LogSink

    init() throws {
        folder = try TemporaryFolder()
        file = folder.file("log")
        try Data().write(to: file)
        handle = try FileHandle(forWritingTo: file)
        sink = LogSink(descriptor: handle.fileDescriptor)
    }

    func logger(_ format: LogFormat, _ label: String = "kbs.http") -> Logger {
        Logger(label: label) {
            LineLogHandler(label: $0, format: format, sink: sink, metadataProvider: Logger.requestMetadata)
        }
    }

    var text: String { get throws { try String(contentsOf: file, encoding: .utf8) } }
    var lines: [Substring] {
        get throws { try text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() }
    }

    func objects() throws -> [[String: String]] {
        try lines.map { try JSONDecoder().decode([String: String].self, from: Data($0.utf8)) }
    }
}

@Suite("Log lines")
struct LogFormatTests {
    @Test("A line that is written for a request has its id")
    func requestID() throws {
        let log = try LogFile()
        var here = ServiceContext.topLevel
        here.requestID = RequestID("abc")
        ServiceContext.$current.withValue(here) { log.logger(.json).info("in") }
        log.logger(.json).info("out")
        #expect(try log.objects().map { $0["request"] } == ["abc", nil])
    }

    @Test("Each subsystem has its own level, or the general one")
    func levels() throws {
        let settings = try Settings.resolve(
            flags: [.logLevel: "warning", .logLevels: "kbs.http=debug, kbs.endorsements=trace"], environment: [:],
            file: nil
        ).settings
        let loggers = Loggers(settings)
        #expect(loggers[.http].logLevel == .debug && loggers[.http].label == "kbs.http")
        #expect(loggers[.endorsements].logLevel == .trace)
        #expect(loggers[.kbs].logLevel == .warning && loggers[.broker].logLevel == .warning)
    }

    @Test("Levels may be a table of the file, and a flag replaces it")
    func table() throws {
        let folder = try TemporaryFolder()
        let file = folder.file("kbs.toml")
        try Data("[log]\nformat = \"json\"\n[log.levels]\n\"kbs.http\" = \"debug\"\n\"kbs.tls\" = \"error\"\n".utf8)
            .write(to: file)
        let read = try Settings.resolve(flags: [:], environment: [:], file: file).settings
        #expect(read.logLevels == [.http: .debug, .tls: .error])
        #expect(read.logFormat == .json)
        let flagged = try Settings.resolve(flags: [.logLevels: "kbs=error"], environment: [:], file: file).settings
        #expect(flagged.logLevels == [.kbs: .error])
    }

    @Test("A server asked for JSON writes nothing else, and its access log has no cookie and no name")
    func server() async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess.start(
            folder, "--set", "log.format=json", "--set", "log.levels=kbs.http=debug")
        var request = HTTPClientRequest(url: server.base + "/kbs/v0/key/telling-name?token=hush")
        try request.add(.cookie, "session_id=hush")
        try request.add(.xRequestID, "from-the-test")
        let response = try await HTTP1Client.shared.execute(request, timeout: .seconds(60))
        #expect(response.status.code == 401)
        server.send(signal: SIGTERM)
        #expect(try await server.ends(within: .seconds(60)))
        let objects = try server.log.split(separator: "\n").map {
            try JSONDecoder().decode([String: String].self, from: Data($0.utf8))
        }
        #expect(!server.log.contains("hush") && !server.log.contains("telling-name"))
        let access = try #require(objects.first { $0["logger"] == "kbs.http" && $0["message"] == "Answered." })
        #expect(access["endpoint"] == "release" && access["status"] == "401" && access["method"] == "GET")
        #expect(access["address"] == "127.0.0.1" && access["request"] == "from-the-test")
        // The broker's own line, by the same id.
        #expect(objects.contains { $0["logger"] == "kbs.broker" && $0["request"] == "from-the-test" })
    }
}

@Suite("Request ids")
struct RequestIDTests {
    @Test("Each request has an id of its own, in the response and in the log")
    func generated() async throws {
        try await RunningServer.run { server in
            let replies = [
                try await server.send("GET", "/livez"), try await server.post("/kbs/v0/auth", "{}"),
                try await server.send("GET", "/nothing"),
                try await server.send("GET", "/kbs/v0/key/a", headers: [("Cookie", "session_id=x")]),
            ]
            let ids = replies.compactMap { $0.headers.first(name: "X-Request-Id") }
            #expect(Set(ids).count == 4)
            #expect(ids.allSatisfy { $0.wholeMatch(of: /[0-9a-f]{16}/) != nil })
            let last = try #require(ids.last)
            #expect(
                server.log.lines.contains {
                    $0.contains("Release refused.") && $0.contains("\"request\": \"\(last)\"")
                })
        }
    }

    @Test("An id that an operator's network sends is taken over, if it is one")
    func incoming() async throws {
        try await RunningServer.run { server in
            func answer(_ id: String) async throws -> String? {
                try await server.sendRaw("GET", "/livez", fields: [("X-Request-Id", id)]).headers
                    .first(name: "X-Request-Id")
            }
            let kept = try await answer("edge_1.a-B")
            #expect(kept == "edge_1.a-B")
            for bad in ["", "a b", "a=b", "\"", "é", String(repeating: "a", count: 65)] {
                #expect(try await answer(bad)?.wholeMatch(of: /[0-9a-f]{16}/) != nil, "\(bad)")
            }
            #expect(try await answer(String(repeating: "a", count: 64)) == String(repeating: "a", count: 64))
        }
    }

    @Test("A stranger's id is not taken over")
    func stranger() async throws {
        try await RunningServer.run {
            $0.metricsNetworks = try NetworkList("192.0.2.0/24")
        } _: { server in
            let reply = try await server.send("GET", "/livez", headers: [("X-Request-Id", "mine")])
            #expect(reply.headers.first(name: "X-Request-Id")?.wholeMatch(of: /[0-9a-f]{16}/) != nil)
        }
    }
}
