import Glibc

/// A value that one thread at a time can reach. It has `Synchronization.Mutex`'s surface, over pthread: the thread
/// sanitizer does not see Mutex's futex on Linux and reports races that are none.
///
/// A function goes into a struct first: as the value itself it would be wrapped once more at each access, for good.
///
/// What is taken under it is compiled where it is used: every request takes a hundred locks, and through a table of functions
/// each would cost several times as much.
public final class Lock<Value>: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    @usableFromInline var value: Value

    public init(_ value: consuming sending Value) {
        mutex = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        self.value = value
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    /// Runs `body` with the value while no other thread has it. `body` must not call this lock again.
    @inlinable
    public func withLock<Result, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        lock()
        defer { unlock() }
        return try body(&value)
    }

    @usableFromInline
    func lock() { pthread_mutex_lock(mutex) }

    @usableFromInline
    func unlock() { pthread_mutex_unlock(mutex) }
}
