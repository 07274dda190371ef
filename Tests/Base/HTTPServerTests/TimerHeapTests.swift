import Testing

@testable import HTTPServer

@Suite("Timers of a loop")
struct TimerHeapTests {
    private final class Waiting: Watched {}

    @Test("Timers come in the order of their times, moved ones at their new time, removed ones not at all")
    func order() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<10 {
            var heap = TimerHeap()
            var expected: [ObjectIdentifier: UInt64] = [:]
            let all = (0..<60).map { _ in Waiting() }
            for _ in 0..<200 {
                let who = all[Int.random(in: 0..<all.count, using: &random)]
                if Int.random(in: 0..<4, using: &random) == 0 {
                    heap.remove(who)
                    expected[ObjectIdentifier(who)] = nil
                } else {
                    let time = UInt64.random(in: 0..<1_000, using: &random)
                    heap.set(who, at: time)
                    expected[ObjectIdentifier(who)] = time
                }
                if heap.next != expected.values.min() { Issue.record("\(expected)") }
            }
            var last: UInt64 = 0
            for now in stride(from: UInt64(0), through: 1_000, by: 50) {
                while let next = heap.next, next <= now {
                    guard let who = heap.takeDue(at: now) else { Issue.record("none is due at \(now)"); return }
                    #expect(next >= last && expected.removeValue(forKey: ObjectIdentifier(who)) == next)
                    last = next
                }
                let isOver = heap.takeDue(at: now) == nil
                #expect(isOver)
            }
            #expect(expected.isEmpty && heap.next == nil)
        }
    }
}
