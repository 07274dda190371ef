import Glibc

/// A line that a fault of the process leaves behind, before the fault ends it as it would have.
public enum LastWords {
    /// Prepares a line for each of the faults. Swift's runtime would answer one with a backtrace, which shows registers and
    /// so perhaps a key: it does where `SWIFT_BACKTRACE` is set, by whoever looks for the fault, and not otherwise.
    ///
    /// - Parameters:
    ///   - descriptor: where the line goes.
    ///   - line: made now, since a process amid a fault can write and no more; without a line feed.
    public static func prepare(on descriptor: Int32, _ line: (Signal) -> String) {
        guard LastLines.descriptor < 0 else { return }
        LastLines.descriptor = descriptor
        let isLookedFor = getenv("SWIFT_BACKTRACE") != nil
        for fault in Signal.faults {
            let bytes = Array("\(line(fault))\n".utf8)
            let memory = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count)
            _ = memory.initialize(from: bytes)
            LastLines.lines[Int(fault.number)] = UnsafeBufferPointer(memory)
            var handling = sigaction()
            sigaction(fault.number, nil, &handling)
            // A null handler is SIG_DFL.
            let isFree = handling.sa_flags & SA_SIGINFO == 0 && handling.__sigaction_handler.sa_handler == nil
            guard isFree || !isLookedFor else { continue }
            handling.__sigaction_handler.sa_handler = speak
            // A second fault amid the line ends the process at once. On the stack that the runtime has made for it: the
            // fault may be that there is no room on the thread's own.
            handling.sa_flags = Int32(bitPattern: UInt32(SA_RESETHAND)) | handling.sa_flags & SA_ONSTACK
            sigaction(fault.number, &handling, nil)
        }
    }
}

/// What the handler of a fault reads.
private enum LastLines {
    // Written once, before the first handler is set, and never given back. Numbers of signals are under 65.
    nonisolated(unsafe) static let lines: UnsafeMutableBufferPointer<UnsafeBufferPointer<UInt8>> = {
        let lines = UnsafeMutableBufferPointer<UnsafeBufferPointer<UInt8>>.allocate(capacity: 65)
        lines.initialize(repeating: UnsafeBufferPointer(start: nil, count: 0))
        return lines
    }()
    nonisolated(unsafe) static var descriptor: Int32 = -1
}

/// Amid a fault: only what signal-safety(7) lists. The handling is the default's again, so that the fault that is
/// raised once more, or met again on return, ends the process.
private func speak(_ number: Int32) {
    let line = LastLines.lines[Int(number)]
    _ = write(LastLines.descriptor, line.baseAddress, line.count)
    raise(number)
}
