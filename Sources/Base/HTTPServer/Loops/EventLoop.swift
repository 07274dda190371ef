import CEpoll
import Concurrency
import Glibc
import HTTP
import Synchronization

/// What an event loop wakes: a listening or a connected socket. It is touched on its loop's thread only.
class Watched {
    /// When its timer is due, in nanoseconds of the loop's clock.
    var timerAt = UInt64.max
    /// Where the timer stands in the loop's heap; −1 for none.
    var timerPlace = -1

    /// - Parameter events: of epoll.
    func ready(_ events: UInt32) {}

    /// The timer has run out. What it was set for may have been put off since.
    func timeCame(_ now: UInt64) {}
}

/// One thread with one epoll. The events of its sockets, and the tasks that answer them, run on it in turn.
///
/// A task with this executor preference stays on the thread: to go on costs it half a microsecond, where a change of
/// threads costs twenty.
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
    /// Wakes the loop when work came from another thread.
    private let bell: Int32
    private let fromOthers = Lock<[Work]>([])
    /// Whether there is any, so that a loop on which nobody else calls never locks.
    private let hasOthers = Atomic(false)
    // From here on: of the loop's thread alone.
    private var own: [Work] = []
    private var round: [Work] = []
    /// References that were given up in this round, of which an event may still be in it.
    private var forgotten: [Watched] = []
    private var timers = TimerHeap()
    private var isStopped = false
    /// Work that may wait, done between two looks at the sockets. It says whether there is more.
    var betweenLooks: () -> Bool = { false }
    private var hasMore = false
    private var dateLine: (second: Int, bytes: [UInt8]) = (-1, [])

    /// When the loop last woke, in nanoseconds of the monotonic clock.
    private(set) var now: UInt64 = EventLoop.clock()

    /// - Parameter name: the thread's, of which the system shows 15 characters.
    /// - Throws: ``SocketFailure`` when the process may open no more files.
    public init(named name: String = "loop") throws {
        self.name = name
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        bell = kbs_eventfd()
        guard epoll >= 0, bell >= 0 else { throw SocketFailure("An event loop cannot be made", errno) }
        // Edge-triggered: each ring wakes, and nobody has to read it off.
        _ = kbs_epoll_control(epoll, EPOLL_CTL_ADD, bell, EPOLLIN.rawValue | EPOLLET.rawValue, nil)
    }

    deinit {
        close(epoll)
        close(bell)
    }

    /// Whether this is the loop's own thread.
    public var isCurrent: Bool {
        pthread_getspecific(Self.threadKey) == UnsafeMutableRawPointer(Unmanaged.passUnretained(self).toOpaque())
    }

    public func enqueue(_ job: consuming ExecutorJob) { add(.job(UnownedJob(job))) }

    /// Runs `action` on the loop's thread: at once if this is it.
    func perform(_ action: @escaping @Sendable () -> Void) {
        if isCurrent { action() } else { add(.action(action)) }
    }

    /// Runs `action` on the loop's thread, after what waits there already.
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
        _ = write(bell, &one, 8)
    }

    // MARK: Sockets and timers, on the loop's thread

    /// Begins to tell `who` of the socket's events. It is kept until ``forget(_:_:)``.
    ///
    /// - Returns: whether the kernel could.
    func watch(_ socket: Int32, _ who: Watched, _ events: UInt32) -> Bool {
        let reference = Unmanaged.passRetained(who)
        guard kbs_epoll_control(epoll, EPOLL_CTL_ADD, socket, events, reference.toOpaque()) == 0 else {
            reference.release()
            return false
        }
        return true
    }

    func forget(_ socket: Int32, _ who: Watched) {
        timers.remove(who)
        guard kbs_epoll_control(epoll, EPOLL_CTL_DEL, socket, 0, nil) == 0 else { return }
        forgotten.append(who)
    }

    /// Calls `who` at that time, or before: a timer that is due sooner is left alone, which saves moving it for each
    /// request.
    func arm(_ who: Watched, at time: UInt64) {
        guard time < who.timerAt else { return }
        timers.set(who, at: time)
    }

    func disarm(_ who: Watched) { timers.remove(who) }

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
    /// - Throws: ``SocketFailure`` when the process may have no more threads.
    func start() throws {
        var thread = pthread_t()
        let loop = Unmanaged.passRetained(self)
        let result = pthread_create(&thread, nil, { runLoop($0) }, loop.toOpaque())
        guard result == 0 else {
            loop.release()
            throw SocketFailure("A thread cannot be started", result)
        }
        pthread_detach(thread)
    }

    /// Ends the thread after this round. Its sockets have been forgotten by then.
    func stop() { isStopped = true }

    fileprivate func run() {
        kbs_name_thread(String(name.prefix(15)))
        pthread_setspecific(Self.threadKey, Unmanaged.passUnretained(self).toOpaque())
        withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: 256) { events in
            while !isStopped { turn(events) }
        }
        // Nobody waits for what is left: it ends with what it holds.
        runWork()
        pthread_setspecific(Self.threadKey, nil)
    }

    private func turn(_ events: UnsafeMutableBufferPointer<epoll_event>) {
        let count = epoll_wait(epoll, events.baseAddress, Int32(events.count), waitingTime())
        now = Self.clock()
        for index in 0..<max(0, Int(count)) {
            // The bell has none.
            guard let context = events[index].data.ptr else { continue }
            Unmanaged<Watched>.fromOpaque(context).takeUnretainedValue().ready(events[index].events)
        }
        while let who = timers.takeDue(at: now) { who.timeCame(now) }
        runWork()
        hasMore = betweenLooks()
        for who in forgotten { Unmanaged.passUnretained(who).release() }
        forgotten.removeAll(keepingCapacity: true)
    }

    /// In milliseconds; −1 for as long as nothing happens.
    private func waitingTime() -> Int32 {
        guard own.isEmpty, !hasMore else { return 0 }
        guard let next = timers.next else { return -1 }
        let now = Self.clock()
        guard next > now else { return 0 }
        return Int32(clamping: (next - now) / 1_000_000 + 1)
    }

    /// Runs what was waiting when it began, and no more: sockets are looked at before what that has added.
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

private func runLoop(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context else { return nil }
    Unmanaged<EventLoop>.fromOpaque(context).takeRetainedValue().run()
    return nil
}
