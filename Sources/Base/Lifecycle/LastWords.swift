import Glibc

/// A line that the process writes when a fault ends it (a crash).
public enum LastWords {
    /// Prepares a line for each fault. This disables the backtrace of Swift's runtime, whose registers may hold a key,
    /// unless `SWIFT_BACKTRACE` is set.
    ///
    /// - Parameters:
    ///   - descriptor: the line's destination.
    ///   - line: the text without a line feed; made in advance, since a signal handler can do little more than write.
    public static func prepare(on descriptor: Int32, _ line: (Signal) -> String) {
        guard LastLines.descriptor < 0 else { return }
        LastLines.descriptor = descriptor
        let wantsBacktrace = getenv("SWIFT_BACKTRACE") != nil
        for fault in Signal.faults {
            let bytes = Array("\(line(fault))\n".utf8)
            let memory = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count)
            _ = memory.initialize(from: bytes)
            LastLines.lines[Int(fault.number)] = UnsafeBufferPointer(memory)
            var handling = sigaction()
            sigaction(fault.number, nil, &handling)
            // A null handler is SIG_DFL.
            let isDefault = handling.sa_flags & SA_SIGINFO == 0 && handling.__sigaction_handler.sa_handler == nil
            guard isDefault || !wantsBacktrace else { continue }
            handling.__sigaction_handler.sa_handler = writeLine
            // A second fault ends the process at once. The runtime's alternate stack is kept: the fault may be an overflow
            // of the thread's.
            handling.sa_flags = Int32(bitPattern: UInt32(SA_RESETHAND)) | handling.sa_flags & SA_ONSTACK
            sigaction(fault.number, &handling, nil)
        }
    }
}

/// The handler's data.
private enum LastLines {
    // Written once, before the first handler is set, and never freed. Signal numbers are below 65.
    nonisolated(unsafe) static let lines: UnsafeMutableBufferPointer<UnsafeBufferPointer<UInt8>> = {
        let lines = UnsafeMutableBufferPointer<UnsafeBufferPointer<UInt8>>.allocate(capacity: 65)
        lines.initialize(repeating: UnsafeBufferPointer(start: nil, count: 0))
        return lines
    }()
    nonisolated(unsafe) static var descriptor: Int32 = -1
}

/// A signal handler: it may call only functions of signal-safety(7). The default handling is restored by then
/// (SA_RESETHAND), so that raising the signal again ends the process.
private func writeLine(_ number: Int32) {
    let line = LastLines.lines[Int(number)]
    _ = write(LastLines.descriptor, line.baseAddress, line.count)
    raise(number)
}
