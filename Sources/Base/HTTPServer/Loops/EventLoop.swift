import CEpoll
import Concurrency
import Glibc
import HTTP
import Synchronization

/// A receiver of an event loop's events: a listening or connected socket, or a timer. Confined to the loop's thread.
class Watched {
    /// The timer's time, in nanoseconds of the loop's clock.
    var timerAt = UInt64.max
    /// The timer's index in the loop's heap; −1 without a timer.
    var timerIndex = -1

    /// - Parameter events: of epoll.
    func ready(_ events: UInt32) {}

    /// Called when the timer fires, which may be before the deadline that it is for (``EventLoop/arm(_:at:)``).
    func timerFired(_ now: UInt64) {}
}

/// One thread with one epoll. The events of its sockets, and the tasks that answer them, run on it in turn.
///
/// A task with this executor preference stays on the thread: resuming it costs half a microsecond, a change of threads
/// twenty.
public final class EventLoop: TaskExecutor, @unchecked Sendable {
    private enum Work {
        case job(UnownedJob)
        case action(@Sendable () -> Void)
    }

    private static let threadKey: pthread_key_t = {
        var key = pthread_key_t()
        pthread_key_create(&key, nil)
        return key
    }()

    private let name: String
    private let epoll: Int32
    /// An eventfd, to wake the loop for work from another thread.
    private let wakeup: Int32
    private let fromOthers = Lock<[Work]>([])
    /// Whether `fromOthers` has work, so that a round without any takes no lock.
    private let hasOthers = Atomic(false)
    // The members below are confined to the loop's thread.
    private var own: [Work] = []
    private var round: [Work] = []
    /// References released after this round: its events may still point to them.
    private var forgotten: [Watched] = []
    private var timers = TimerHeap()
    private var isStopped = false
    /// Deferrable work, done between two polls of the sockets. Returns whether more is left.
    var betweenPolls: () -> Bool = { false }
    private var hasMore = false
    private var dateLine: (second: Int, bytes: [UInt8]) = (-1, [])

    /// When the loop last woke, in nanoseconds of the monotonic clock.
    private(set) var now: UInt64 = EventLoop.clock()

    /// - Parameter name: the thread's; the system shows 15 characters.
    /// - Throws: ``SocketFailure`` when the process may have no more descriptors.
    public init(named name: String = "loop") throws {
        self.name = name
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        wakeup = kbs_eventfd()
        guard epoll >= 0, wakeup >= 0 else { throw SocketFailure("An event loop cannot be made", errno) }
        // Edge-triggered: each write wakes, and the eventfd is never read.
        _ = kbs_epoll_control(epoll, EPOLL_CTL_ADD, wakeup, EPOLLIN.rawValue | EPOLLET.rawValue, nil)
    }

    deinit {
        close(epoll)
        close(wakeup)
    }

    /// Whether this is the loop's own thread.
    public var isCurrent: Bool {
        pthread_getspecific(Self.threadKey) == UnsafeMutableRawPointer(Unmanaged.passUnretained(self).toOpaque())
    }

    public func enqueue(_ job: consuming ExecutorJob) { add(.job(UnownedJob(job))) }

    /// Runs `action` on the loop's thread; at once when called on it.
    func perform(_ action: @escaping @Sendable () -> Void) {
        if isCurrent { action() } else { add(.action(action)) }
    }

    /// Runs `action` on the loop's thread, after the work that is queued.
    func execute(_ action: @escaping @Sendable () -> Void) { add(.action(action)) }

    private func add(_ work: Work) {
        if isCurrent {
            own.append(work)
            return
        }
        let isFirst = fromOthers.withLock { waiting in
            waiting.append(work)
            hasOthers.store(true, ordering: .releasing)
            return waiting.count == 1
        }
        guard isFirst else { return }
        var one: UInt64 = 1
        _ = write(wakeup, &one, 8)
    }

    // MARK: Sockets and timers, on the loop's thread

    /// Begins to call `watched` for the socket's events. It is retained until ``forget(_:_:)``.
    ///
    /// - Returns: false when the kernel refuses.
    func watch(_ socket: Int32, _ watched: Watched, _ events: UInt32) -> Bool {
        let reference = Unmanaged.passRetained(watched)
        guard kbs_epoll_control(epoll, EPOLL_CTL_ADD, socket, events, reference.toOpaque()) == 0 else {
            reference.release()
            return false
        }
        return true
    }

    func forget(_ socket: Int32, _ watched: Watched) {
        timers.remove(watched)
        guard kbs_epoll_control(epoll, EPOLL_CTL_DEL, socket, 0, nil) == 0 else { return }
        forgotten.append(watched)
    }

    /// Sets the timer of `watched`. An earlier one stays, which saves moving it for each request.
    func arm(_ watched: Watched, at time: UInt64) {
        guard time < watched.timerAt else { return }
        timers.set(watched, at: time)
    }

    func disarm(_ watched: Watched) { timers.remove(watched) }

    /// The line `Date: …` of a response, made once a second.
    var date: [UInt8] {
        let second = time(nil)
        if second != dateLine.second {
            dateLine = (second, Array("Date: \(HTTPDate.text(Int64(second)))\r\n".utf8))
        }
        return dateLine.bytes
    }

    static func clock() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    // MARK: The thread

    /// Starts the loop's thread.
    ///
    /// - Throws: when the process may have no more threads.
    func start() throws(BlockingThread.NotStarted) { try BlockingThread.start(name) { self.run() } }

    /// Ends the thread after this round. Its sockets must have been forgotten.
    func stop() { isStopped = true }

    private func run() {
        pthread_setspecific(Self.threadKey, Unmanaged.passUnretained(self).toOpaque())
        withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: 256) { events in
            while !isStopped { turn(events) }
        }
        // The work that is left releases its references.
        runWork()
        pthread_setspecific(Self.threadKey, nil)
    }

    private func turn(_ events: UnsafeMutableBufferPointer<epoll_event>) {
        let count = epoll_wait(epoll, events.baseAddress, Int32(events.count), waitingTime())
        now = Self.clock()
        for index in 0..<max(0, Int(count)) {
            // nil for `wakeup`.
            guard let context = events[index].data.ptr else { continue }
            Unmanaged<Watched>.fromOpaque(context).takeUnretainedValue().ready(events[index].events)
        }
        while let due = timers.takeDue(at: now) { due.timerFired(now) }
        runWork()
        hasMore = betweenPolls()
        for watched in forgotten { Unmanaged.passUnretained(watched).release() }
        forgotten.removeAll(keepingCapacity: true)
    }

    /// In milliseconds; −1 for no timeout.
    private func waitingTime() -> Int32 {
        guard own.isEmpty, !hasMore else { return 0 }
        guard let next = timers.next else { return -1 }
        let now = Self.clock()
        guard next > now else { return 0 }
        return Int32(clamping: (next - now) / 1_000_000 + 1)
    }

    /// Runs the work that is queued now. Work that it adds runs after the next poll of the sockets.
    private func runWork() {
        let executor = asUnownedTaskExecutor()
        swap(&own, &round)
        if hasOthers.load(ordering: .acquiring) {
            fromOthers.withLock { others in
                hasOthers.store(false, ordering: .relaxed)
                round += others
                others.removeAll(keepingCapacity: true)
            }
        }
        for work in round {
            switch work {
            case .job(let job): job.runSynchronously(on: executor)
            case .action(let action): action()
            }
        }
        round.removeAll(keepingCapacity: true)
    }
}
