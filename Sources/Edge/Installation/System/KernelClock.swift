import CTimex

/// What the kernel knows of its clock.
enum KernelClock {
    /// Whether a time service keeps it; `nil` when the kernel does not tell.
    static var isSynchronized: Bool? {
        var clock = timex()
        // Without modes it only reads. TIME_ERROR, 5: not synchronised. Source: adjtimex(2).
        let state = adjtimex(&clock)
        return state < 0 ? nil : state != 5
    }
}
