import EdgeSupport
import Foundation
import TLSSupport
import Testing

@testable import HTTPServer

@Suite("Output that is not taken at once")
struct OutputQueueTests {
    @Test("Pieces are written in their order, from where the last call has stopped")
    func order() {
        var queue = OutputQueue()
        queue.append(Array("abcdef".utf8), taken: 2)
        queue.append([])
        queue.append(Array("gh".utf8))
        #expect(queue.count == 6)
        var written: [UInt8] = []
        func write(atMost count: Int) -> Int? {
            var left = count
            return queue.write { bytes, hasMore in
                let taken = bytes.prefix(left)
                written += taken
                left -= taken.count
                #expect(hasMore == (bytes.count > 2 || bytes.first != UInt8(ascii: "g")))
                return taken.count
            }
        }
        #expect(write(atMost: 3) == 3 && queue.count == 3)
        #expect(write(atMost: 100) == 3 && queue.isEmpty)
        #expect(String(decoding: written, as: UTF8.self) == "cdefgh")
        queue.append([1])
        #expect(queue.write { _, _ in nil } == nil, "nobody takes any more")
    }

    @Test("Whoever takes some of what the kernel holds makes progress, though there is no room for more yet")
    func progress() async throws {
        let (accepted, report) = AsyncStream.makeStream(of: Int32.self)
        let listener = try TestListener { report.yield($0) }
        let reader = try TestSocket(Int(listener.port), receiveBuffer: 65_536)
        guard let writer = await accepted.first(where: { _ in true }) else { return }
        defer { close(writer) }
        _ = fcntl(writer, F_SETFL, O_NONBLOCK)
        var queue = OutputQueue()
        queue.append([UInt8](repeating: 0x78, count: 1 << 24))
        // As long as the kernels move bytes from one side to the other there is room now and then.
        for _ in 0..<20 {
            _ = queue.write { bytes, _ in max(0, bytes.withUnsafeBytes { send(writer, $0.baseAddress, $0.count, 0) }) }
            try await Task.sleep(for: .milliseconds(20))
        }
        queue.noteHeld(writer)
        #expect(!queue.isEmpty && !queue.hasProgressed(writer), "nothing is taken")
        var hasProgressed = false
        for _ in 0..<200 where !hasProgressed {
            #expect(await reader.receiveBytes(atMost: 8_192) != nil)
            hasProgressed = queue.hasProgressed(writer)
        }
        #expect(hasProgressed)
    }
}
