import Glibc

/// What is to be written to a socket and has not been taken yet.
struct OutputQueue {
    private var pieces: [[UInt8]] = []
    /// Of the first piece, so much was taken.
    private var taken = 0
    /// In bytes.
    private(set) var count = 0
    /// How much the kernel held when nothing more fitted in.
    private var held: Int32 = -1

    var isEmpty: Bool { count == 0 }

    /// - Parameter taken: so many were written already; above zero only when nothing else waits.
    mutating func append(_ bytes: [UInt8], taken: Int = 0) {
        guard taken < bytes.count else { return }
        if taken > 0 { self.taken = taken }
        count += bytes.count - taken
        pieces.append(bytes)
    }

    /// Writes as much as is taken.
    ///
    /// - Parameter send: returns how many bytes were taken, 0 for none now, nil for none any more.
    /// - Returns: how many were taken in all; nil for none any more.
    mutating func write(_ send: (ArraySlice<UInt8>, _ hasMore: Bool) -> Int?) -> Int? {
        var total = 0
        while let first = pieces.first {
            guard let sent = send(first[taken...], pieces.count > 1) else { return nil }
            guard sent > 0 else { break }
            total += sent
            taken += sent
            if taken == first.count {
                pieces.removeFirst()
                taken = 0
            }
        }
        count -= total
        return total
    }

    /// Notes how much the kernel holds.
    mutating func noteHeld(_ socket: Int32) { held = Self.held(socket) }

    /// Whether the client took some of what the kernel holds since that was last looked at. Whoever reads slowly from
    /// large buffers makes room for more only now and then.
    mutating func hasProgressed(_ socket: Int32) -> Bool {
        let before = held
        noteHeld(socket)
        return held >= 0 && held < before
    }

    /// Bytes that were written and are not acknowledged.
    private static func held(_ socket: Int32) -> Int32 {
        var count: Int32 = -1
        return ioctl(socket, UInt(TIOCOUTQ), &count) == 0 ? count : -1
    }
}
