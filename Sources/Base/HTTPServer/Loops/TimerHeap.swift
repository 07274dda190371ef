/// Timers, the next one first. Each of those who wait has one at most, and is let go of with it.
struct TimerHeap {
    private var waiting: [Watched] = []

    /// When the next one is due.
    var next: UInt64? { waiting.first?.timerAt }

    /// Sets a timer, or sets it to another time.
    mutating func set(_ who: Watched, at time: UInt64) {
        who.timerAt = time
        if who.timerPlace < 0 {
            who.timerPlace = waiting.count
            waiting.append(who)
        }
        sift(up: who.timerPlace)
        sift(down: who.timerPlace)
    }

    mutating func remove(_ who: Watched) {
        let place = who.timerPlace
        guard place >= 0, let last = waiting.popLast() else { return }
        (who.timerPlace, who.timerAt) = (-1, .max)
        guard place < waiting.count else { return }
        put(last, at: place)
        sift(up: place)
        sift(down: last.timerPlace)
    }

    /// Takes one out that is due.
    mutating func takeDue(at now: UInt64) -> Watched? {
        guard let first = waiting.first, first.timerAt <= now else { return nil }
        remove(first)
        return first
    }

    private mutating func put(_ who: Watched, at place: Int) {
        waiting[place] = who
        who.timerPlace = place
    }

    private mutating func sift(up start: Int) {
        let who = waiting[start]
        var place = start
        while place > 0, who.timerAt < waiting[(place - 1) / 2].timerAt {
            put(waiting[(place - 1) / 2], at: place)
            place = (place - 1) / 2
        }
        put(who, at: place)
    }

    private mutating func sift(down start: Int) {
        let who = waiting[start]
        var place = start
        while true {
            var child = 2 * place + 1
            guard child < waiting.count else { break }
            if child + 1 < waiting.count, waiting[child + 1].timerAt < waiting[child].timerAt { child += 1 }
            guard waiting[child].timerAt < who.timerAt else { break }
            put(waiting[child], at: place)
            place = child
        }
        put(who, at: place)
    }
}
