import Glibc

/// Bytes to be written to a socket.
struct OutputQueue {
    private var pieces: [[UInt8]] = []
    /// Written bytes of the first piece.
    private var taken = 0
    /// In bytes.
    private(set) var count = 0
    /// Unacknowledged bytes in the kernel's buffer when it was last full.
    private var held: Int32 = -1

    var isEmpty: Bool { count == 0 }

    /// - Parameter taken: the number of bytes written already; above zero only for an empty queue.
    mutating func append(_ bytes: [UInt8], taken: Int = 0) {
        guard taken < bytes.count else { return }
        if taken > 0 { self.taken = taken }
        count += bytes.count - taken
        pieces.append(bytes)
    }

    /// Writes as much as the socket takes.
    ///
    /// - Parameter send: returns the number of bytes written, 0 when the socket is full, nil when it is broken.
    /// - Returns: the number of bytes written in all; nil when the socket is broken.
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

    mutating func noteHeld(_ socket: Int32) { held = Self.held(socket) }

    /// Whether the client acknowledged bytes since the last look. A slow reader with large buffers rarely makes the
    /// socket writable.
    mutating func hasProgressed(_ socket: Int32) -> Bool {
        let before = held
        noteHeld(socket)
        return held >= 0 && held < before
    }

    private static func held(_ socket: Int32) -> Int32 {
        var count: Int32 = -1
        return ioctl(socket, UInt(TIOCOUTQ), &count) == 0 ? count : -1
    }
}
