import Glibc

/// A signal, by the number that the system gives it.
public struct Signal: Sendable, Hashable, CustomStringConvertible {
    public let number: Int32

    public init(number: Int32) { self.number = number }

    public static let hangUp = Signal(number: SIGHUP)
    public static let interrupt = Signal(number: SIGINT)
    public static let quit = Signal(number: SIGQUIT)
    public static let terminate = Signal(number: SIGTERM)
    public static let user1 = Signal(number: SIGUSR1)
    public static let user2 = Signal(number: SIGUSR2)

    /// Signals that would end a process that does not handle them, and are sent by people and programs. Faults of the
    /// process itself are not among them, nor those that nobody can handle.
    public static let ending: [Signal] = {
        let named = [
            SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGTERM, SIGSTKFLT, SIGXCPU, SIGVTALRM, SIGPROF,
            SIGPOLL,
            SIGPWR,
        ]
        // The first two real-time signals, and with glibc no more, are the threads library's own.
        return (named + Array(34...64)).map { Signal(number: $0) }
    }()

    /// Faults, which end the process.
    public static let faults = [SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS].map { Signal(number: $0) }

    /// As kill(1) knows it: `SIGTERM`.
    public var description: String {
        switch number {
        case SIGHUP: "SIGHUP"
        case SIGINT: "SIGINT"
        case SIGQUIT: "SIGQUIT"
        case SIGILL: "SIGILL"
        case SIGTRAP: "SIGTRAP"
        case SIGABRT: "SIGABRT"
        case SIGBUS: "SIGBUS"
        case SIGFPE: "SIGFPE"
        case SIGUSR1: "SIGUSR1"
        case SIGSEGV: "SIGSEGV"
        case SIGUSR2: "SIGUSR2"
        case SIGPIPE: "SIGPIPE"
        case SIGALRM: "SIGALRM"
        case SIGTERM: "SIGTERM"
        case SIGSTKFLT: "SIGSTKFLT"
        case SIGXCPU: "SIGXCPU"
        case SIGXFSZ: "SIGXFSZ"
        case SIGVTALRM: "SIGVTALRM"
        case SIGPROF: "SIGPROF"
        case SIGPOLL: "SIGIO"
        case SIGPWR: "SIGPWR"
        case SIGSYS: "SIGSYS"
        default: "signal \(number)"
        }
    }

    /// A write to a closed pipe or socket, or past a limit of size, is an error from now on and no end of the process.
    /// Children inherit this, and the threads of the runtime's pools have most signals blocked: who starts one gives
    /// the signals their default back and an empty mask (`POSIX_SPAWN_SETSIGDEF`, `POSIX_SPAWN_SETSIGMASK`).
    public static func ignoreFailedWrites() {
        _ = Glibc.signal(SIGPIPE, SIG_IGN)
        _ = Glibc.signal(SIGXFSZ, SIG_IGN)
    }
}
