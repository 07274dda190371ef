import Broker
import Concurrency
import PostgreSQL

/// A write that waits for its transaction.
protocol QueuedWrite: Sendable {
    var request: any Expiring { get }

    /// Begins a transaction and runs a batch's writes in it. The caller commits it.
    static func stage(
        _ batch: [Self], on connection: Connection, until deadline: ContinuousClock.Instant
    ) throws -> StagedBatch<Self>
}

/// A batch whose changes are made and not committed.
struct StagedBatch<Write: QueuedWrite> {
    /// The trail's records, in the order of the changes.
    var records: [String] = []
    /// The trail's head, locked if there are records.
    var head: TrailEnd.Held?
    /// Answer the callers; called once the batch is committed.
    var finish: [@Sendable () -> Void] = []
    /// Notes the manifest's new state; called once the batch is committed.
    var committed: (@Sendable () -> Void)?
    /// Writes that were undone, to be run again.
    var again: [Write] = []
    /// Writes that PostgreSQL refused: undone, to be run in a transaction of their own.
    var alone: [Write] = []
    /// Writes that failed: undone.
    var failed: [(write: Write, error: any Error)] = []
}

/// Group commit: writes that arrive while a transaction is under way share the next, on one connection.
///
/// The transactions of several servers run side by side until they lock the trail's head.
final class WriteThread<Write: QueuedWrite>: Sendable {
    private let queue = WorkQueue<Write>()
    private let reports = CommitReports()
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

    /// The trail's head after this thread's last transaction that appended to it.
    var writtenHead: AuditHead? { reports.writtenHead }

    func observe(_ body: @escaping @Sendable (CommittedBatch) -> Void) { reports.observe(body) }

    func add(_ write: Write) {
        guard queue.add(write) else { return write.request.fail(Refusal.tooManyWait) }
        deadlines.watch(write.request)
    }

    /// Stops accepting writes. The thread ends when all waiting ones are done.
    func stop() { queue.close() }

    func close() async {
        stop()
        await threads.ended()
        for write in queue.takeAll() { write.request.expire() }
    }

    /// The most writes in a batch: what a pipeline carries well, and few enough to hash while the head is locked.
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
            if !staged.finish.isEmpty { reports.report(staged.finish.count, since: start, hasFailed: false) }
            for finish in staged.finish { finish() }
            for (write, error) in staged.failed { write.request.fail(error) }
            queue.putBack(staged.again)
            performAlone(staged.alone, link)
        } catch {
            let verdict = link.judge(error)
            if batch.count > 1, let error = error as? PostgreSQLError, [.again, .none].contains(Remedy(error)) {
                // One write failed the batch: run each by itself.
                return performAlone(batch, link)
            }
            switch verdict {
            case .again: queue.putBack(batch)
            case .fail(let error):
                // Only here: a write that is run again has not failed.
                reports.report(batch.count, since: start, hasFailed: true)
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

    /// - Returns: the committed batch.
    /// - Throws: when nothing was committed.
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
                // A batch without records can be run twice.
                guard let proof, wasCommitted(proof, batch, link) else { throw NotCommitted() }
            }
            if let proof { reports.writtenHead = AuditHead(sequence: proof.sequence, hash: proof.hash) }
            link.succeed()
            return staged
        } catch {
            if error is ConnectionBroken || error is NotCommitted { throw error }
            // The connection is still in the failed transaction.
            do { try connection.run(TrailEnd.rollback, until: .now + .seconds(1)) } catch { link.lose(error) }
            throw error
        }
    }

    /// Whether a transaction was committed whose answer was lost. Asks until there is an answer or no caller waits.
    private func wasCommitted(_ proof: TrailEnd.Proof, _ batch: [Write], _ link: Link) -> Bool {
        while batch.contains(where: \.request.isWaiting), let connection = link.connect() {
            do { return try TrailEnd.holds(proof, connection) } catch { link.lose(error) }
        }
        return false
    }
}

/// A transaction whose answer was lost was not committed, or has no record and can be run twice.
struct NotCommitted: Error {}
