import Glibc

/// A value behind a mutex, with the interface of `Synchronization.Mutex`, over pthread: the thread sanitizer does not see
/// Mutex's futex on Linux, and reports false races.
///
/// Wrap a function in a struct: as the value itself it would be wrapped in another closure at each access.
///
/// `withLock` is inlinable: a request takes about a hundred locks, and unspecialised generic code costs several times as
/// much.
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

    /// Runs `body` with exclusive access to the value. The lock is not recursive.
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
