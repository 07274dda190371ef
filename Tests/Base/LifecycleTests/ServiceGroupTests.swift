import Concurrency
import Lifecycle
import Logging
import Testing

/// What happened, in order.
private final class Diary: Sendable {
    private let entries = Lock<[String]>([])

    func note(_ entry: String) { entries.withLock { $0.append(entry) } }
    var all: [String] { entries.withLock { $0 } }
}

private struct Broken: Error {}

private struct Part: Service {
    let body: @Sendable (StopRequest) async throws -> Void

    func run(until stop: StopRequest) async throws { try await body(stop) }
}

@Suite("Parts of a program")
struct ServiceGroupTests {
    private let diary = Diary()
    private let stop = StopRequest()

    private func group(_ parts: [Part], gracePeriod: Duration = .seconds(600)) -> ServiceGroup {
        ServiceGroup(parts, gracePeriod: gracePeriod, logger: Logger(label: "test") { _ in NoOpLogHandler() })
    }

    private func obedient(_ name: String) -> Part {
        Part { [diary] stop in
            await stop.wait()
            diary.note(name)
        }
    }

    @Test("They are stopped in the reverse of their order, each after those behind it")
    func order() async throws {
        stop.make()
        try await group([obedient("first"), obedient("second"), obedient("third")]).run(until: stop)
        #expect(diary.all == ["third", "second", "first"])
    }

    @Test("When one fails the others are stopped, and its error is told")
    func failure() async throws {
        let broken = Part { _ in throw Broken() }
        await #expect(throws: Broken.self) {
            try await group([obedient("first"), broken, obedient("third")]).run(until: stop)
        }
        #expect(diary.all == ["third", "first"])
    }

    @Test("One that ends by itself stops the program, and is named")
    func early() async throws {
        let done = Part { _ in }
        let error = await #expect(throws: ServiceEnded.self) {
            try await group([obedient("first"), done]).run(until: stop)
        }
        #expect(error.map { "\($0)" } == "Part has ended by itself")
        #expect(diary.all == ["first"])
    }

    @Test("One that fails while it stops is told of, when all others have ended")
    func lateFailure() async throws {
        let broken = Part { stop in
            await stop.wait()
            throw Broken()
        }
        stop.make()
        await #expect(throws: Broken.self) { try await group([obedient("first"), broken]).run(until: stop) }
        #expect(diary.all == ["first"])
    }

    @Test("A service that does not stop is cancelled after the grace period")
    func gracePeriod() async throws {
        let deaf = Part { [diary] _ in
            do { try await Task.sleep(for: .seconds(3_600)) } catch {
                diary.note("cancelled")
                throw error
            }
        }
        stop.make()
        try await group([obedient("first"), deaf], gracePeriod: .milliseconds(1)).run(until: stop)
        #expect(diary.all.contains("cancelled"))
    }

    @Test("Whoever runs them can cancel them all")
    func cancellation() async throws {
        let group = group([obedient("first"), obedient("second")])
        let task = Task { [stop] in try await group.run(until: stop) }
        task.cancel()
        _ = await task.result
        #expect(Set(diary.all) == ["first", "second"])
    }
}

@Suite("Asking to stop")
struct StopRequestTests {
    @Test("Everyone who waits is told, and everyone who comes later")
    func telling() async {
        let stop = StopRequest()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<10 { group.addTask { await stop.wait() } }
            stop.make()
        }
        stop.make()
        await stop.wait()
        #expect(stop.isMade)
    }

    @Test("One who waits can be cancelled")
    func cancelled() async {
        let stop = StopRequest()
        let task = Task { await stop.wait() }
        task.cancel()
        await task.value
        #expect(!stop.isMade)
    }

    @Test("A pause ends with the request, with its time or with the task")
    func pauses() async {
        let stop = StopRequest()
        #expect(await stop.sleep(for: .milliseconds(1)))
        let (sleeping, cancelled) = (
            Task { await stop.sleep(for: .seconds(3_600)) }, Task { await stop.sleep(for: .seconds(3_600)) }
        )
        cancelled.cancel()
        #expect(await cancelled.value == false)
        stop.make()
        #expect(await sleeping.value == false)
        #expect(await stop.sleep(for: .seconds(3_600)) == false)
    }
}
