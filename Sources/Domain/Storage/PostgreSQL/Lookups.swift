import Broker
import Concurrency
import Dispatch
import PostgreSQL

/// Connections for reading, each with a thread.
///
/// A thread takes all waiting lookups and sends them together: the more there are, the less each costs, here and in the
/// database. Further threads are woken only when the first cannot keep up: see ``WorkQueue``.
final class Lookups: Sendable {
    private struct Lookup: Sendable {
        let query: Query
        let request: Request<QueryResult>
        /// Whether the answer may have megabytes.
        let isLarge: Bool
    }

    private let queue: WorkQueue<Lookup>
    private let deadlines: Deadlines
    private let timeout: Duration
    private let threads: ThreadGroup

    /// - Parameter timeout: the time limit of each lookup.
    init(
        _ configuration: PostgreSQLConfiguration, connections: Int, timeout: Duration, scansTables: Bool,
        _ signals: StoreSignals, _ deadlines: Deadlines
    ) throws {
        self.deadlines = deadlines
        self.timeout = timeout
        let limits = Connection.Limits(statement: timeout, scansTables: scansTables)
        threads = ThreadGroup()
        let queue = WorkQueue<Lookup>(wakingMoreAt: scansTables ? 1 : Self.most)
        self.queue = queue
        deadlines.observe { queue.wakeForWhatWaits() }
        for number in 0..<connections {
            try threads.start("kbs.\(scansTables ? "scan" : "lookup").\(number)") {
                Self.serve(queue, Link(configuration, limits, signals), atMost: scansTables ? 1 : Self.most)
            }
        }
    }

    /// The most lookups sent together: few enough that one's answers do not delay the others for long.
    private static let most = 64

    /// - Parameter isLarge: whether the answer may have megabytes.
    func run(_ query: Query, isLarge: Bool = false) async throws -> QueryResult {
        try await withCheckedThrowingContinuation { continuation in
            let request = Request(continuation, deadline: .now + timeout)
            let lookup = Lookup(query: query, request: request, isLarge: isLarge)
            guard queue.add(lookup) else { return request.fail(Refusal.tooManyWait) }
            deadlines.watch(request)
        }
    }

    /// Stops accepting lookups. The threads end when all waiting ones are answered.
    func stop() { queue.close() }

    func close() async {
        stop()
        await threads.ended()
        for lookup in queue.takeAll() { lookup.request.expire() }
    }

    private static func serve(_ queue: WorkQueue<Lookup>, _ link: Link, atMost most: Int) {
        while let connection = link.connect(), let batch = queue.take(atMost: most) {
            // Large answers one at a time, so that sixty of them are not in memory together, nor late together.
            var again = answer(batch.filter { !$0.isLarge }, connection, link)
            for lookup in batch where lookup.isLarge {
                again += link.isLost ? [lookup] : answer([lookup], connection, link)
            }
            queue.finish()
            queue.putBack(again)
        }
    }

    /// - Returns: the lookups to try again.
    private static func answer(_ batch: [Lookup], _ connection: Connection, _ link: Link) -> [Lookup] {
        let batch = batch.filter(\.request.isWaiting)
        guard let deadline = batch.map(\.request.deadline).max() else { return [] }
        do {
            let answers = try connection.run(batch.map(\.query), until: deadline)
            var again: [Lookup] = []
            for (lookup, answer) in zip(batch, answers) {
                switch answer {
                case .result(let result):
                    link.succeed()
                    lookup.request.finish(.success(result))
                case .error(let error):
                    switch link.judge(error) {
                    case .again: again.append(lookup)
                    case .fail(let error): lookup.request.fail(error)
                    }
                case .skipped: again.append(lookup)
                }
            }
            return again
        } catch {
            // A lookup changes nothing, so it can be sent twice.
            link.lose(error)
            return batch
        }
    }
}

/// Threads that block, and a wait for their end.
final class ThreadGroup: Sendable {
    private let group = DispatchGroup()

    func start(_ name: String, _ body: @escaping @Sendable () -> Void) throws {
        group.enter()
        do {
            try BlockingThread.start(name) { [group] in
                body()
                group.leave()
            }
        } catch {
            group.leave()
            throw error
        }
    }

    func ended() async {
        await withCheckedContinuation { continuation in group.notify(queue: .global()) { continuation.resume() } }
    }
}
