import Concurrency
import Testing

@testable import Logging

/// What was logged, and a clock that a test moves.
private final class Recorder: Sendable {
    let events = Lock<[LogEvent]>([])
    let time = Lock(ContinuousClock.now)

    struct Handler: LogHandler {
        let recorder: Recorder
        var logLevel = Logger.Level.debug

        func log(event: LogEvent) { recorder.events.withLock { $0.append(event) } }
    }

    func logger(_ repeated: RepeatedEvents) -> Logger {
        Logger(label: "kbs") { label in
            repeated.handler(over: Handler(recorder: self), label, at: { [self] in time.withLock { $0 } })
        }
    }

    func pass(_ time: Duration, _ repeated: RepeatedEvents) {
        let now = self.time.withLock { now in
            now = now.advanced(by: time)
            return now
        }
        repeated.report(at: now)
    }

    func taken() -> [LogEvent] {
        events.withLock { events in
            defer { events = [] }
            return events
        }
    }
}

@Suite("Events that repeat")
struct RepeatedEventsTests {
    private let repeated = RepeatedEvents()
    private let recorder = Recorder()
    private var logger: Logger { recorder.logger(repeated) }

    @Test("A fault is a line when it begins, one a minute with a count, and one when it is over")
    func fault() {
        for second in 0..<150 {
            for _ in 0..<100 { logger.error("A request failed.", metadata: ["error": "full", "path": "/\(second)"]) }
            recorder.pass(.seconds(1), repeated)
        }
        var lines = recorder.taken()
        #expect(lines.count == 3)
        #expect(lines.map { $0.metadata["repeated"]?.description } == [nil, "5999", "6000"])
        recorder.pass(.seconds(88), repeated)
        #expect(recorder.taken().count == 1, "what was left out since")
        recorder.pass(.seconds(2), repeated)
        lines = recorder.taken()
        #expect(lines.map(\.message) == ["It is over: A request failed."] && lines.first?.level == .notice)
        #expect(lines.first?.metadata["times"] == "15000" && lines.first?.metadata["seconds"] == "149")
        logger.error("A request failed.", metadata: ["error": "full"])
        #expect(recorder.taken().count == 1, "it begins again")
    }

    @Test("Another error with the same message is another fault, and one that happened once is not told to be over")
    func kinds() {
        for error in ["full", "locked"] { logger.error("A request failed.", metadata: ["error": "\(error)"]) }
        #expect(recorder.taken().count == 2)
        recorder.pass(.seconds(300), repeated)
        #expect(recorder.taken().isEmpty && repeated.count == 0)
    }

    @Test("What happens once a minute is one fault, not one a minute")
    func slow() {
        for _ in 0..<10 {
            logger.error("Sessions could not be swept.", metadata: ["error": "full"])
            recorder.pass(.seconds(61), repeated)
        }
        recorder.pass(.seconds(100), repeated)
        let lines = recorder.taken()
        #expect(lines.filter { $0.message.description.hasPrefix("It is over") }.count == 1)
        #expect(lines.filter { $0.metadata["repeated"] == nil && $0.level == .error }.count == 1)
    }

    @Test("Events that say what they are like are counted by that, and others that are no faults are all written")
    func refusals() {
        for _ in 0..<50 {
            logger.log(level: .info, "Refused.", alike: "code 192.0.2.1")
            logger.log(level: .info, "Refused.", alike: "code 192.0.2.2")
            logger.info("Released.")
        }
        let lines = recorder.taken()
        #expect(lines.filter { $0.message == "Refused." }.count == 2)
        #expect(lines.filter { $0.message == "Released." }.count == 50)
        recorder.pass(.seconds(61), repeated)
        #expect(recorder.taken().map { $0.metadata["repeated"] } == ["49", "49"])
        recorder.pass(.seconds(100), repeated)
        #expect(recorder.taken().isEmpty, "a caller that is gone is no news")
    }

    @Test("Callers that are made up take neither memory nor lines without bound")
    func flood() {
        for caller in 0..<50_000 { logger.log(level: .info, "Refused.", alike: "\(caller)") }
        #expect(recorder.taken().count == RepeatedEvents.firstLines)
        #expect(repeated.count <= RepeatedEvents.firstLines + 1)
        recorder.pass(.seconds(61), repeated)
        #expect(recorder.taken().map { $0.metadata["repeated"] } == ["49990"])
        // A hundred that go on and on.
        for _ in 0..<60 {
            for caller in 0..<100 { logger.log(level: .info, "Refused.", alike: "\(caller)") }
            recorder.pass(.seconds(10), repeated)
        }
        #expect(repeated.count <= RepeatedEvents.mostRuns + 1)
        #expect(recorder.taken().count < 10 * (RepeatedEvents.mostRuns + 1) + RepeatedEvents.mostRuns)
    }

    @Test("At the end every count is written")
    func end() {
        for _ in 0..<5 { logger.warning("Odd.", metadata: ["reason": "x"]) }
        repeated.report(isEnd: true)
        #expect(recorder.taken().map { $0.metadata["repeated"]?.description } == [nil, "4"])
    }
}
