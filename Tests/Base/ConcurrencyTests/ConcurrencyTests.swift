import Concurrency
import Testing

@Suite("What is shared between threads")
struct ConcurrencyTests {
    @Test("A lock lets one at a time change its value")
    func lock() async {
        let count = Lock(0)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<16 { group.addTask { for _ in 0..<1_000 { count.withLock { $0 += 1 } } } }
        }
        #expect(count.withLock { $0 } == 16_000)
    }

    @Test("A cache keeps what was used lately, and at most two generations")
    func cache() {
        let cache = BoundedCache<Int, Int>(capacity: 10)
        for key in 0..<100 {
            cache[key] = key
            #expect(cache[0] == 0)
        }
        #expect(cache.count <= 20)
        #expect(cache[50] == nil)
    }

    @Test("What takes longer than it may is given up")
    func timeLimit() async throws {
        await #expect(throws: NoAnswerInTime.self) {
            try await withTimeLimit(.milliseconds(20)) { try await Task.sleep(for: .seconds(60)) }
        }
        #expect(try await withTimeLimit(.seconds(60)) { 7 } == 7)
    }
}
