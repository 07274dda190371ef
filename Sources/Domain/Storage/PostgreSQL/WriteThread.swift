import Broker
import Concurrency
import PostgreSQL

/// A change, as it waits for its transaction.
protocol QueuedWrite: Sendable {
    var request: any Expiring { get }

    /// Makes the changes of several, after `BEGIN`.
    static func stage(
        _ batch: [Self], on connection: Connection, until deadline: ContinuousClock.Instant
    ) throws -> StagedBatch<Self>
}

/// Changes that were made, and not committed yet.
struct StagedBatch<Write: QueuedWrite> {
    /// For the trail, in the order of the changes.
    var records: [String] = []
    /// Locked if there are records.
    var head: TrailEnd.Held?
    /// What tells their callers once it is committed.
    var finish: [@Sendable () -> Void] = []
    /// What is known of the manifest once it is committed.
    var committed: (@Sendable () -> Void)?
    /// What is undone and to be tried again.
    var again: [Write] = []
    /// What PostgreSQL refused, which is undone and to be tried in a transaction of its own.
    var alone: [Write] = []
    /// What was refused, which is undone.
    var failed: [(write: Write, error: any Error)] = []
}

/// Group commit: what arrives while a transaction is under way goes into the next, on one connection.
///
/// The transactions of several servers run side by side until they come to the trail's head.
final class WriteThread<Write: QueuedWrite>: Sendable {
    private struct Observer { let report: @Sendable (CommittedBatch) -> Void }

    private let queue = WorkQueue<Write>()
    private let observer = Lock<Observer?>(nil)
    private let written = Lock<AuditHead?>(nil)
    private let deadlines: Deadlines
    private let threads = ThreadGroup()

    init(
        _ name: String, _ configuration: PostgreSQLConfiguration, statement: Duration, _ signals: StoreSignals,
        _ deadlines: Deadlines
    ) throws {
        self.deadlines = deadlines
        let limits = Connection.Limits(statement: statement, scansTables: false)
        try threads.start(name) { self.serve(Link(configuration, limits, signals)) }
    }

    var waiting: Int { queue.count }

    /// The trail's end after this thread's last transaction that added to it.
    var writtenHead: AuditHead? { written.withLock { $0 } }

    func observe(_ body: @escaping @Sendable (CommittedBatch) -> Void) {
        observer.withLock { $0 = Observer(report: body) }
    }

    func add(_ write: Write) {
        guard queue.add(write) else { return write.request.fail(Refusal.tooManyWait) }
        deadlines.watch(write.request)
    }

    /// Ends when all that waits is done.
    func stop() { queue.close() }

    func close() async {
        stop()
        await threads.ended()
        for write in queue.takeAll() { write.request.expire() }
    }

    /// What one pipeline carries well, and few enough to be hashed while the head is held.
    private static var most: Int { 256 }

    private func serve(_ link: Link) {
        while let connection = link.connect(), let batch = queue.take(atMost: Self.most) {
            let batch = batch.filter(\.request.isWaiting)
            if !batch.isEmpty { perform(batch, connection, link) }
            queue.finish()
        }
    }

    private func perform(_ batch: [Write], _ connection: Connection, _ link: Link) {
        let start = ContinuousClock.now
        do {
            let staged = try commit(batch, connection, link)
            staged.committed?()
            report(staged.finish.count, since: start, hasFailed: false)
            for finish in staged.finish { finish() }
            for (write, error) in staged.failed { write.request.fail(error) }
            queue.putBack(staged.again)
            performAlone(staged.alone, link)
        } catch {
            let verdict = link.judge(error)
            if batch.count > 1, let error = error as? PostgreSQLError, [.again, .none].contains(Remedy(error)) {
                // One of them is to blame: the others must not suffer for it.
                return performAlone(batch, link)
            }
            switch verdict {
            case .again: queue.putBack(batch)
            case .fail(let error):
                // What is tried again has not failed.
                report(batch.count, since: start, hasFailed: true)
                for write in batch { write.request.fail(error) }
            }
        }
    }

    private func performAlone(_ writes: [Write], _ link: Link) {
        for (index, write) in writes.enumerated() where write.request.isWaiting {
            guard let connection = link.connect() else {
                for write in writes[index...] { write.request.expire() }
                return
            }
            perform([write], connection, link)
        }
    }

    /// - Returns: what was committed.
    /// - Throws: when nothing was.
    private func commit(_ batch: [Write], _ connection: Connection, _ link: Link) throws -> StagedBatch<Write> {
        guard let deadline = batch.map(\.request.deadline).max() else { return StagedBatch() }
        do {
            let staged = try Write.stage(batch, on: connection, until: deadline)
            let (queries, proof) = try staged.head.map { try TrailEnd.append(staged.records, after: $0) } ?? ([], nil)
            do {
                let answers = try connection.all(queries + [TrailEnd.commit], until: deadline)
                guard answers.last?.tag == "COMMIT" else {
                    throw UnexpectedAnswer(description: "the database did not commit")
                }
            } catch let broken as ConnectionBroken {
                link.lose(broken)
                // What has no record can be done twice.
                guard let proof, wasCommitted(proof, batch, link) else { throw NotCommitted() }
            }
            if let proof { written.withLock { $0 = AuditHead(sequence: proof.sequence, hash: proof.hash) } }
            link.succeed()
            return staged
        } catch {
            if error is ConnectionBroken || error is NotCommitted { throw error }
            // The transaction has failed, and this connection is in it still.
            do { try connection.run(TrailEnd.rollback, until: .now + .seconds(1)) } catch { link.lose(error) }
            throw error
        }
    }

    /// Whether a transaction was committed whose answer got lost, asked until there is an answer or nobody who waits.
    private func wasCommitted(_ proof: TrailEnd.Proof, _ batch: [Write], _ link: Link) -> Bool {
        while batch.contains(where: \.request.isWaiting), let connection = link.connect() {
            do { return try TrailEnd.holds(proof, connection) } catch { link.lose(error) }
        }
        return false
    }

    private func report(_ count: Int, since start: ContinuousClock.Instant, hasFailed: Bool) {
        guard count > 0 else { return }
        observer.withLock { $0 }?.report(
            CommittedBatch(writes: count, duration: start.duration(to: .now), hasFailed: hasFailed))
    }
}

/// A transaction whose answer got lost was not committed, or had no record and can be done twice.
struct NotCommitted: Error {}
