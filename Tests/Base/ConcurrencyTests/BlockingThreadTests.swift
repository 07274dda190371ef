import Concurrency
import Foundation
import Testing

@Suite("Threads for what blocks")
struct BlockingThreadTests {
    @Test("What blocks runs on a thread of its own, under its name, and its result or error comes back")
    func run() async throws {
        let name = try await BlockingThread.run("kbs.writes.sweeps") {
            BlockingThread.sleep(for: .milliseconds(1))
            BlockingThread.sleep(for: .seconds(-1))
            return try String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8)
        }
        #expect(name == "kbs.writes.swee\n")
        struct Failed: Error {}
        await #expect(throws: Failed.self) { try await BlockingThread.run("kbs") { throw Failed() } }
    }
}
