import Foundation
import TestSupport
import Testing

@Suite("How a command ended")
struct ExitStatusTests {
    @Test(
        "Scripts can tell what went wrong by the status; F23",
        arguments: [
            ("workload show none --data $D", 5), ("workload remove none --data $D", 5),
            ("policy show none --data $D", 5),
            ("token revoke 0123456789ab --data $D", 5), ("workload list --data nofolder", 2),
            ("workload add web --measurement 00 --secret-file s --data $D", 2), ("policy set p s --data $D", 2),
            ("workload list --url http://127.0.0.1:1", 3), ("endorsements import nofolder --data $D", 2),
            ("workload add there --measurement $M --secret-file s --data $D", 4),
            ("workload list --data $D >/dev/full", 1), ("workload nothing", 64), ("workload list --data $D", 0),
        ])
    func statuses(_ line: String, _ status: Int32) async throws {
        let shell = try Shell()
        let result = try await shell(
            """
            M=\(String(repeating: "ab", count: 48)); printf x >s; $KBS workload add there --measurement $M --secret-file s \
            --data $D >/dev/null || exit 99; $KBS \(line)
            """)
        #expect(result.status == status, "\(line): \(result.errors)")
    }

    @Test("A server's answers have the same statuses as a data folder's")
    func server() async throws {
        let shell = try Shell()
        for (status, expected) in [(400, 2), (401, 4), (403, 4), (404, 5), (409, 4), (503, 3)] {
            let body = #"{"code":"c","detail":"d"}"#
            let server = try Answering("HTTP/1.1 \(status) X\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
            let result = try await shell("$KBS workload list --url http://127.0.0.1:\(server.port)")
            #expect(result.status == Int32(expected) && result.errors == "Error: c: d\n", "\(status)")
        }
    }

    @Test("The manual has them in a table")
    func manual() async throws {
        let page = try await Shell()("$KBS --generate-manual").output
        let table = page.components(separatedBy: ".SH EXIT STATUS").last?.components(separatedBy: ".SH ").first ?? ""
        for status in [0, 1, 2, 3, 4, 5, 64] { #expect(table.contains("\n.TP\n\\fB\(status)\\fR\n"), "\(status)") }
    }

    @Test(
        "Every list has headings, and JSON for programs; C17", arguments: ["workload", "policy", "reference", "token"])
    func lists(_ command: String) async throws {
        let shell = try Shell()
        let fill = """
            printf x >s; printf 'measurements = ["%s"]' "$M" >p; printf 'kind = "measurement"\nvalues = ["%s"]' "$M" >r; \
            $KBS workload add there --measurement $M --secret-file s --data $D; $KBS policy set p p --data $D; \
            $KBS reference set r r --data $D; $KBS token create --role auditor --data $D
            """
        let line =
            "M=\(String(repeating: "ab", count: 48)); { \(fill); } >/dev/null 2>&1; $KBS \(command) list --data $D"
        let table = try await shell(line)
        let heading = try #require(table.output.split(separator: "\n").first)
        #expect(table.status == 0 && heading == heading.uppercased() && heading.contains("  "), "\(table.errors)")
        #expect(table.output.split(separator: "\n").count >= 2, "\(table.output)")
        #expect(!table.output.contains("\t"))
        let json = try await shell("\(line) --json")
        #expect(json.status == 0 && json.output.hasPrefix("[\n"))
    }
}
