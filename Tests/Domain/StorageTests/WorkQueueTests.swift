import Foundation
import Testing

@testable import Storage

@Suite("The queue of what waits for a thread")
struct WorkQueueTests {
    /// Threads that take, and say what; each goes on when it is told to.
    private final class Crew: Sendable {
        let queue: WorkQueue<Int>
        let taken: AsyncStream<[Int]>
        private let continuation: AsyncStream<[Int]>.Continuation
        private let mayGoOn = DispatchSemaphore(value: 0)

        init(_ count: Int, _ queue: WorkQueue<Int>) {
            self.queue = queue
            let (taken, continuation) = AsyncStream.makeStream(of: [Int].self)
            (self.taken, self.continuation) = (taken, continuation)
            for _ in 0..<count {
                Thread.detachNewThread { [mayGoOn] in
                    while let batch = queue.take(atMost: 4) {
                        continuation.yield(batch)
                        mayGoOn.wait()
                        queue.finish()
                    }
                }
            }
        }

        func goOn() { mayGoOn.signal() }

        /// No thread waits for anything any more.
        func end() {
            queue.close()
            for _ in 0..<16 { mayGoOn.signal() }
        }

        /// Until so many threads wait.
        func rest(_ count: Int) async throws {
            while queue.idle != count { try await Task.sleep(for: .milliseconds(1)) }
        }
    }

    @Test("While one thread is at work, what comes waits for it and is taken together", .timeLimit(.minutes(10)))
    func together() async throws {
        let crew = Crew(2, WorkQueue(wakingMoreAt: 4))
        defer { crew.end() }
        var taken = crew.taken.makeAsyncIterator()
        try await crew.rest(2)
        #expect(crew.queue.add(1))
        #expect(await taken.next() == [1])
        for item in 2...4 { #expect(crew.queue.add(item)) }
        #expect(crew.queue.idle == 1)
        crew.goOn()
        #expect(await taken.next() == [2, 3, 4])
    }

    @Test("When more waits than one thread takes, another is woken", .timeLimit(.minutes(10)))
    func backlog() async throws {
        let crew = Crew(2, WorkQueue(wakingMoreAt: 4))
        defer { crew.end() }
        var taken = crew.taken.makeAsyncIterator()
        try await crew.rest(2)
        #expect(crew.queue.add(1))
        #expect(await taken.next() == [1])
        for item in 2...5 { #expect(crew.queue.add(item)) }
        // The first is still at work.
        #expect(await taken.next() == [2, 3, 4, 5])
    }

    @Test("When the thread at work does not come back, another takes what waits", .timeLimit(.minutes(10)))
    func stuck() async throws {
        let crew = Crew(2, WorkQueue(wakingMoreAt: 4))
        defer { crew.end() }
        var taken = crew.taken.makeAsyncIterator()
        try await crew.rest(2)
        #expect(crew.queue.add(1))
        #expect(await taken.next() == [1])
        #expect(crew.queue.add(2))
        crew.queue.wakeForWhatWaits()
        #expect(await taken.next() == [2])
    }

    @Test("A thread that has come back is woken again for the next", .timeLimit(.minutes(10)))
    func again() async throws {
        let crew = Crew(1, WorkQueue(wakingMoreAt: 4))
        defer { crew.end() }
        var taken = crew.taken.makeAsyncIterator()
        for item in 1...3 {
            try await crew.rest(1)
            #expect(crew.queue.add(item))
            #expect(await taken.next() == [item])
            crew.goOn()
        }
    }

    @Test("What was put back is taken before all others, also when nothing new may come", .timeLimit(.minutes(10)))
    func putBack() {
        let queue = WorkQueue<Int>()
        #expect(queue.add(3))
        queue.close()
        #expect(!queue.add(4))
        queue.putBack([1, 2])
        #expect(queue.take(atMost: 9) == [1, 2, 3])
        #expect(queue.take(atMost: 9) == nil)
    }
}

@Suite("Deadlines")
struct DeadlineTests {
    @Test("While someone waits, whoever observes is told again and again", .timeLimit(.minutes(10)))
    func ticks() async throws {
        let deadlines = Deadlines()
        let (ticks, continuation) = AsyncStream.makeStream(of: Void.self)
        deadlines.observe { continuation.yield() }
        let answer: Int = try await withCheckedThrowingContinuation { waiting in
            let request = Request(waiting, deadline: .now + .seconds(600))
            deadlines.watch(request)
            Task {
                for await _ in ticks.prefix(2) {}
                request.finish(.success(1))
            }
        }
        #expect(answer == 1)
    }
}
