import CTimex

/// The state of the kernel's clock.
enum KernelClock {
    /// Whether a time service synchronises it; `nil` if the kernel does not tell.
    static var isSynchronized: Bool? {
        var clock = timex()
        // Without modes the call only reads. TIME_ERROR, 5: not synchronised. Source: adjtimex(2).
        let state = adjtimex(&clock)
        return state < 0 ? nil : state != 5
    }
}
