import CCurl
import Concurrency
import Glibc

/// The one thread on which all transfers run, with libcurl's multi interface.
///
/// It is made with the first transfer, waits without a tick while there is none, and closes connections that have been
/// idle for a while.
final class TransferThread: @unchecked Sendable {
    static let shared = TransferThread()

    private struct Inbox {
        var added: [Transfer] = []
        var cancelled: [Transfer] = []
        /// libcurl's handle, to wake the thread by. nil: there is no thread.
        var multi: UnsafeMutableRawPointer?
    }

    private let inbox = Lock(Inbox())

    // The thread's own.
    private var multi: UnsafeMutableRawPointer?
    private var running: [UnsafeMutableRawPointer: Transfer] = [:]
    private var mayHaveConnections = false

    /// In milliseconds: after so long without a transfer connections are closed.
    private static let patience: Int32 = 60_000
    private static let day: Int32 = 86_400_000
    /// Idle connections.
    private static let mostConnections = 128

    private init() {
        guard HTTPClientLibrary.isReady, let multi = Self.makeMulti() else { return }
        self.multi = multi
        inbox.withLock { $0.multi = multi }
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        var thread = pthread_t()
        let this = Unmanaged.passRetained(self)
        let work: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { pointer in
            if let pointer { Unmanaged<TransferThread>.fromOpaque(pointer).takeRetainedValue().work() }
            return nil
        }
        guard pthread_create(&thread, &attributes, work, this.toOpaque()) == 0 else {
            this.release()
            inbox.withLock { $0.multi = nil }
            return
        }
    }

    private static func makeMulti() -> UnsafeMutableRawPointer? {
        guard let multi = curl_multi_init() else { return nil }
        _ = kbs_curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, mostConnections)
        return multi
    }

    /// - Throws: ``HTTPClientError``, or `CancellationError`.
    func run(_ transfer: Transfer) async throws -> HTTPClientResponse {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                guard transfer.wait(with: continuation) else { return }
                let isTaken = inbox.withLock { inbox in
                    guard inbox.multi != nil else { return false }
                    inbox.added.append(transfer)
                    _ = curl_multi_wakeup(inbox.multi)
                    return true
                }
                if !isTaken { transfer.finish(.failure(HTTPClientError.outOfMeans)) }
            }
        } onCancel: {
            // The caller goes on at once; the thread ends the transfer as soon as it looks.
            transfer.finish(.failure(CancellationError()))
            inbox.withLock { inbox in
                guard inbox.multi != nil else { return }
                inbox.cancelled.append(transfer)
                _ = curl_multi_wakeup(inbox.multi)
            }
        }
    }

    // MARK: On the thread

    private func work() {
        // Signals are for others, and a connection that broke is one transfer's error. Threads that libcurl makes for
        // looking up names inherit this.
        var all = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_BLOCK, &all, nil)
        while let multi {
            takeInbox(multi)
            var count: Int32 = 0
            curl_multi_perform(multi, &count)
            takeResults(multi)
            if !running.isEmpty { mayHaveConnections = true }
            let isIdle = running.isEmpty
            let start = ContinuousClock.now
            let limit = isIdle && mayHaveConnections ? Self.patience : Self.day
            // Woken by sockets, by libcurl's own timers and by the inbox.
            if curl_multi_poll(multi, nil, 0, limit, nil) != CURLM_OK { usleep(10_000) }
            if isIdle, mayHaveConnections, start.duration(to: .now) >= .milliseconds(Int(Self.patience)) {
                closeConnections(multi)
            }
        }
    }

    private func takeInbox(_ multi: UnsafeMutableRawPointer) {
        let (added, cancelled) = inbox.withLock { inbox in
            defer { (inbox.added, inbox.cancelled) = ([], []) }
            return (inbox.added, inbox.cancelled)
        }
        for transfer in added where transfer.isAwaited {
            guard let easy = transfer.prepare() else {
                transfer.finish(.failure(HTTPClientError.outOfMeans))
                continue
            }
            guard curl_multi_add_handle(multi, easy) == CURLM_OK else {
                transfer.release()
                transfer.finish(.failure(HTTPClientError.outOfMeans))
                continue
            }
            running[easy] = transfer
        }
        for transfer in cancelled {
            if let easy = transfer.easy, running[easy] === transfer { end(easy, multi) }
        }
    }

    private func takeResults(_ multi: UnsafeMutableRawPointer) {
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle else { continue }
            let code = kbs_curl_message_result(message)
            guard let transfer = running[easy] else { continue }
            transfer.finish(transfer.result(code).mapError { $0 })
            end(easy, multi)
        }
    }

    private func end(_ easy: UnsafeMutableRawPointer, _ multi: UnsafeMutableRawPointer) {
        _ = curl_multi_remove_handle(multi, easy)
        running.removeValue(forKey: easy)?.release()
    }

    /// libcurl closes idle connections only with the handle that they belong to.
    private func closeConnections(_ old: UnsafeMutableRawPointer) {
        mayHaveConnections = false
        guard let new = Self.makeMulti() else { return }
        multi = new
        // Nobody wakes by the old one when this is done.
        inbox.withLock { $0.multi = new }
        _ = curl_multi_cleanup(old)
    }
}

/// libcurl itself.
public enum HTTPClientLibrary {
    /// Makes libcurl ready. It must be called first thing in `main`, while there is one thread.
    ///
    /// `SSLKEYLOGFILE` goes from the environment: libcurl would write the secrets of every connection to that file.
    public static func prepareProcess() { _ = isReady }

    static let isReady: Bool = {
        unsetenv("SSLKEYLOGFILE")
        return curl_global_init(Int(CURL_GLOBAL_SSL)) == CURLE_OK
    }()

    /// Of the library that is loaded, e.g. "7.88.1".
    public static var version: String {
        curl_version_info(CURLVERSION_FIRST).pointee.version.map { String(cString: $0) } ?? "unknown"
    }
}
