/// A binary heap of timers, the earliest first. Each ``Watched`` has at most one, and is retained while it is set.
struct TimerHeap {
    private var waiting: [Watched] = []

    /// The earliest time.
    var next: UInt64? { waiting.first?.timerAt }

    /// Sets a timer, or moves it to another time.
    mutating func set(_ watched: Watched, at time: UInt64) {
        watched.timerAt = time
        if watched.timerIndex < 0 {
            watched.timerIndex = waiting.count
            waiting.append(watched)
        }
        sift(up: watched.timerIndex)
        sift(down: watched.timerIndex)
    }

    mutating func remove(_ watched: Watched) {
        let index = watched.timerIndex
        guard index >= 0, let last = waiting.popLast() else { return }
        (watched.timerIndex, watched.timerAt) = (-1, .max)
        guard index < waiting.count else { return }
        put(last, at: index)
        sift(up: index)
        sift(down: last.timerIndex)
    }

    /// Removes a timer that is due.
    mutating func takeDue(at now: UInt64) -> Watched? {
        guard let first = waiting.first, first.timerAt <= now else { return nil }
        remove(first)
        return first
    }

    private mutating func put(_ watched: Watched, at index: Int) {
        waiting[index] = watched
        watched.timerIndex = index
    }

    private mutating func sift(up start: Int) {
        let watched = waiting[start]
        var index = start
        while index > 0, watched.timerAt < waiting[(index - 1) / 2].timerAt {
            put(waiting[(index - 1) / 2], at: index)
            index = (index - 1) / 2
        }
        put(watched, at: index)
    }

    private mutating func sift(down start: Int) {
        let watched = waiting[start]
        var index = start
        while true {
            var child = 2 * index + 1
            guard child < waiting.count else { break }
            if child + 1 < waiting.count, waiting[child + 1].timerAt < waiting[child].timerAt { child += 1 }
            guard waiting[child].timerAt < watched.timerAt else { break }
            put(waiting[child], at: index)
            index = child
        }
        put(watched, at: index)
    }
}
