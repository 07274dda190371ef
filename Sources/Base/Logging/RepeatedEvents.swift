import Concurrency

/// Bounds the lines of repeated events in a log.
///
/// Of alike events the first is written and the others are counted. After a minute the line is written again with the
/// count (`repeated`). A fault (an event from `warning` on) gets a last line when it has not happened for ``quiet``. Memory
/// and lines are bounded for any input: excess events count as one run of their message.
public final class RepeatedEvents: Sendable {
    /// The time between two lines of a run.
    static let pause = Duration.seconds(60)
    /// The time without an event after which a run ends; longer than the interval of jobs that run once a minute.
    static let quiet = Duration.seconds(90)
    /// The first lines of runs of one message in a minute.
    static let firstLines = 10
    /// The simultaneous runs of one message.
    static let mostRuns = 32

    private struct Key: Hashable {
        let label: String
        let message: String
        /// nil for all events of the message.
        let likeness: String?

        /// The number of messages is bounded: they are literals of the program.
        var ofAll: Key { Key(label: label, message: message, likeness: nil) }
    }

    /// The recent runs of a message.
    private struct Message {
        /// First lines since `since`.
        var begun = 0
        var since: ContinuousClock.Instant
        /// Current runs.
        var runs = 0
    }

    /// A sequence of alike events.
    fileprivate struct Run {
        let event: LogEvent
        let handler: any LogHandler
        let began: ContinuousClock.Instant
        var last: ContinuousClock.Instant
        var written: ContinuousClock.Instant
        var count: Int
        var leftOut: Int
    }

    private struct State {
        var runs: [Key: Run] = [:]
        var messages: [Key: Message] = [:]
    }

    private let state = Lock(State())

    public init() {}

    /// The number of current runs.
    var count: Int { state.withLock { $0.runs.count } }

    /// - Parameter handler: writes the run's later lines.
    /// - Returns: whether the event is to be written now.
    func admits(
        _ event: LogEvent, alike likeness: String, of label: String, by handler: any LogHandler,
        at now: ContinuousClock.Instant
    ) -> Bool {
        let own = Key(label: label, message: event.message.description, likeness: likeness)
        let all = own.ofAll
        return state.withLock { state in
            if Self.count(own, &state, now) { return false }
            var message = state.messages[all] ?? Message(since: now)
            if message.since.duration(to: now) >= Self.pause { (message.begun, message.since) = (0, now) }
            let isWritten = message.begun < Self.firstLines && message.runs < Self.mostRuns
            if isWritten { (message.begun, message.runs) = (message.begun + 1, message.runs + 1) }
            state.messages[all] = message
            if !isWritten, Self.count(all, &state, now) { return false }
            let key = isWritten ? own : all
            // With the provider's fields: later lines are written outside of the request, and name its first one.
            let kept = LogEvent(event, metadata: handler.allMetadata(event))
            state.runs[key] = Run(
                event: kept, handler: handler, began: now, last: now, written: now, count: 1,
                leftOut: isWritten ? 0 : 1)
            return isWritten
        }
    }

    /// Counts an event in its run.
    ///
    /// - Returns: false without such a run.
    private static func count(_ key: Key, _ state: inout State, _ now: ContinuousClock.Instant) -> Bool {
        guard var run = state.runs[key] else { return false }
        run.last = now
        run.count += 1
        run.leftOut += 1
        state.runs[key] = run
        return true
    }

    /// Writes the lines that are due. Call it every few seconds.
    ///
    /// - Parameter isEnd: whether it is the last call.
    public func report(at now: ContinuousClock.Instant = .now, isEnd: Bool = false) {
        let due = state.withLock { state in
            var due: [(run: Run, isOver: Bool)] = []
            for (key, run) in state.runs {
                let isOver = isEnd || run.last.duration(to: now) >= Self.quiet
                guard isOver || run.written.duration(to: now) >= Self.pause && run.leftOut > 0 else { continue }
                due.append((run, isOver))
                state.runs[key] = isOver ? nil : run.reported(at: now)
                if isOver, key.likeness != nil { state.messages[key.ofAll]?.runs -= 1 }
            }
            return due
        }
        for (run, isOver) in due {
            if run.leftOut > 0 { run.handler.log(event: run.event.again(["repeated": "\(run.leftOut)"])) }
            guard isOver, !isEnd, run.count > 1, run.event.level >= .warning else { continue }
            run.handler.log(
                event: run.event.again(
                    [
                        "times": "\(run.count)",
                        "seconds": "\(run.began.duration(to: run.last).components.seconds)",
                    ], level: Logger.Level.notice, "It is over: \(run.event.message.description)"))
        }
    }
}

extension RepeatedEvents {
    /// A handler that passes the events on that are no repetitions.
    public func handler(
        over inner: any LogHandler, _ label: String,
        at now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) -> any LogHandler {
        Handler(inner: inner, label: label, repeated: self, now: now)
    }

    private struct Handler: LogHandler {
        var inner: any LogHandler
        let label: String
        let repeated: RepeatedEvents
        let now: @Sendable () -> ContinuousClock.Instant

        var metadataProvider: Logger.MetadataProvider? { inner.metadataProvider }
        var logLevel: Logger.Level {
            get { inner.logLevel }
            set { inner.logLevel = newValue }
        }

        func log(event: LogEvent) {
            guard let likeness = event.likeness else { return inner.log(event: event) }
            if repeated.admits(event, alike: likeness, of: label, by: inner, at: now()) { inner.log(event: event) }
        }
    }
}

extension RepeatedEvents.Run {
    fileprivate func reported(at now: ContinuousClock.Instant) -> Self {
        var run = self
        (run.written, run.leftOut) = (now, 0)
        return run
    }
}

extension LogEvent {
    /// The key shared with its repetitions; nil for an event that is always written.
    fileprivate var likeness: String? {
        if let alike { return alike }
        guard level >= .warning else { return nil }
        return metadata["error"] ?? metadata["reason"] ?? metadata["problem"] ?? ""
    }

    fileprivate func again(
        _ more: Logger.Metadata, level: Logger.Level? = nil, _ message: Logger.Message? = nil
    ) -> LogEvent {
        LogEvent(self, level: level, message: message, metadata: metadata.merging(more) { $1 })
    }
}
