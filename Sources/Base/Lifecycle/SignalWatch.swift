import Concurrency
import Dispatch
import Glibc

/// Calls a function on an ordinary thread for signals, until it is ended.
///
/// All watches of a signal are called. The last one to end restores the signal's former handling.
public struct SignalWatch: Sendable {
    private let number: Int

    /// - Parameter body: called with each signal, one at a time. Pending repetitions of a signal may count once.
    public init(_ signals: [Signal], _ body: @escaping @Sendable (Signal) -> Void) {
        number = SignalDelivery.shared.add(signals, body)
    }

    /// Ends the calls. Idempotent.
    public func end() { SignalDelivery.shared.remove(number) }
}

/// The process's watched signals: a handler writes the number into a pipe, which a queue reads.
private final class SignalDelivery: Sendable {
    static let shared = SignalDelivery()

    private struct State {
        var watches: [Int: (signals: [Signal], body: @Sendable (Signal) -> Void)] = [:]
        var nextNumber = 0
        /// The former handling of watched signals.
        var former: [Int32: sigaction] = [:]
        var source: (any DispatchSourceRead)?
    }

    private let state = Lock(State())

    func add(_ signals: [Signal], _ body: @escaping @Sendable (Signal) -> Void) -> Int {
        state.withLock { state in
            if state.source == nil { state.source = openPipe() }
            state.nextNumber += 1
            state.watches[state.nextNumber] = (signals, body)
            for signal in signals where state.former[signal.number] == nil {
                var (handling, former) = (sigaction(), sigaction())
                handling.__sigaction_handler.sa_handler = noteSignal
                // Restarts interrupted system calls.
                handling.sa_flags = SA_RESTART
                sigfillset(&handling.sa_mask)
                if sigaction(signal.number, &handling, &former) == 0 { state.former[signal.number] = former }
            }
            return state.nextNumber
        }
    }

    func remove(_ number: Int) {
        state.withLock { state in
            guard let gone = state.watches.removeValue(forKey: number) else { return }
            let watched = Set(state.watches.values.flatMap(\.signals))
            for signal in gone.signals where !watched.contains(signal) {
                guard var former = state.former.removeValue(forKey: signal.number) else { continue }
                sigaction(signal.number, &former, nil)
            }
        }
    }

    private func openPipe() -> (any DispatchSourceRead)? {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return nil }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        SignalPipe.writeEnd = ends[1]
        let readEnd = ends[0]
        let source = DispatchSource.makeReadSource(
            fileDescriptor: readEnd, queue: DispatchQueue(label: "kbs.signals", qos: .userInitiated))
        source.setEventHandler { [unowned self] in deliver(from: readEnd) }
        source.resume()
        return source
    }

    private func deliver(from pipe: Int32) {
        var numbers = [UInt8](repeating: 0, count: 256)
        let count = numbers.withUnsafeMutableBytes { read(pipe, $0.baseAddress, $0.count) }
        for number in numbers.prefix(max(count, 0)) {
            let signal = Signal(number: Int32(number))
            let bodies = state.withLock { state in
                state.watches.sorted { $0.key < $1.key }.map(\.value).filter { $0.signals.contains(signal) }
                    .map(\.body)
            }
            for body in bodies { body(signal) }
        }
    }
}

private enum SignalPipe {
    // Written once, before the first handler is set.
    nonisolated(unsafe) static var writeEnd: Int32 = -1
}

/// A signal handler: it may call only functions of signal-safety(7). A full pipe (65,536 signals) drops the signal.
private func noteSignal(_ number: Int32) {
    let error = errno
    var byte = UInt8(truncatingIfNeeded: number)
    _ = write(SignalPipe.writeEnd, &byte, 1)
    errno = error
}
