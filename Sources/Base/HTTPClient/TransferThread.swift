import CCurl
import Concurrency
import Glibc

/// The thread of all transfers, over libcurl's multi interface.
///
/// It starts with the first transfer, sleeps while there is none, and closes connections that have been idle for a minute.
final class TransferThread: @unchecked Sendable {
    static let shared = TransferThread()

    private struct Inbox {
        var added: [Transfer] = []
        var cancelled: [Transfer] = []
        /// libcurl's handle, for waking the thread; nil without a thread.
        var multi: UnsafeMutableRawPointer?
    }

    private let inbox = Lock(Inbox())

    // Confined to the thread.
    private var multi: UnsafeMutableRawPointer?
    private var running: [UnsafeMutableRawPointer: Transfer] = [:]
    private var mayHaveConnections = false

    /// The time without a transfer after which connections are closed, in milliseconds.
    private static let idleTimeout: Int32 = 60_000
    private static let day: Int32 = 86_400_000
    private static let mostIdleConnections = 128

    private init() {
        guard HTTPClientLibrary.isReady, let multi = Self.makeMulti() else { return }
        self.multi = multi
        inbox.withLock { $0.multi = multi }
        do { try BlockingThread.start("http-client") { self.work() } } catch { inbox.withLock { $0.multi = nil } }
    }

    private static func makeMulti() -> UnsafeMutableRawPointer? {
        guard let multi = curl_multi_init() else { return nil }
        _ = kbs_curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, mostIdleConnections)
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
                if !isTaken { transfer.finish(.failure(HTTPClientError.exhausted)) }
            }
        } onCancel: {
            // The caller resumes at once; the thread ends the transfer when it wakes.
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
        // Against SIGPIPE from a broken connection. libcurl's threads for name resolution inherit the mask.
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
            let limit = isIdle && mayHaveConnections ? Self.idleTimeout : Self.day
            // Woken by sockets, libcurl's timers and the inbox.
            if curl_multi_poll(multi, nil, 0, limit, nil) != CURLM_OK { usleep(10_000) }
            if isIdle, mayHaveConnections, start.duration(to: .now) >= .milliseconds(Int(Self.idleTimeout)) {
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
                transfer.finish(.failure(HTTPClientError.exhausted))
                continue
            }
            guard curl_multi_add_handle(multi, easy) == CURLM_OK else {
                transfer.release()
                transfer.finish(.failure(HTTPClientError.exhausted))
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

    /// Replaces the handle: libcurl closes idle connections with their handle only.
    private func closeConnections(_ old: UnsafeMutableRawPointer) {
        mayHaveConnections = false
        guard let new = Self.makeMulti() else { return }
        multi = new
        // After this the old handle is no longer used for waking.
        inbox.withLock { $0.multi = new }
        _ = curl_multi_cleanup(old)
    }
}

/// libcurl itself.
public enum HTTPClientLibrary {
    /// Initialises libcurl. Call it first in `main`, while there is one thread.
    ///
    /// Removes `SSLKEYLOGFILE` from the environment: libcurl would write the secrets of every connection to that file.
    public static func prepareProcess() { _ = isReady }

    static let isReady: Bool = {
        unsetenv("SSLKEYLOGFILE")
        return curl_global_init(Int(CURL_GLOBAL_SSL)) == CURLE_OK
    }()

    /// The loaded library's version, e.g. "7.88.1".
    public static var version: String {
        curl_version_info(CURLVERSION_FIRST).pointee.version.map { String(cString: $0) } ?? "unknown"
    }
}
