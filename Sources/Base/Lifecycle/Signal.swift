import Glibc

public struct Signal: Sendable, Hashable, CustomStringConvertible {
    public let number: Int32

    public init(number: Int32) { self.number = number }

    public static let hangUp = Signal(number: SIGHUP)
    public static let interrupt = Signal(number: SIGINT)
    public static let quit = Signal(number: SIGQUIT)
    public static let terminate = Signal(number: SIGTERM)
    public static let user1 = Signal(number: SIGUSR1)
    public static let user2 = Signal(number: SIGUSR2)

    /// Signals of people and programs that end a process by default. Without faults, and without SIGKILL and SIGSTOP.
    public static let ending: [Signal] = {
        let named = [
            SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGTERM, SIGSTKFLT, SIGXCPU, SIGVTALRM, SIGPROF,
            SIGPOLL, SIGPWR,
        ]
        // glibc reserves the first two real-time signals, 32 and 33.
        return (named + Array(34...64)).map { Signal(number: $0) }
    }()

    /// Faults of the process itself.
    public static let faults = [SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS].map { Signal(number: $0) }

    /// The name, as for kill(1): `SIGTERM`.
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

    /// Makes writes to a closed pipe or socket, or past a size limit, fail instead of ending the process.
    ///
    /// Children inherit this, and most signals are blocked on the threads of the runtime's pools: start children with the
    /// default handling and an empty mask (`POSIX_SPAWN_SETSIGDEF`, `POSIX_SPAWN_SETSIGMASK`).
    public static func ignoreFailedWrites() {
        _ = Glibc.signal(SIGPIPE, SIG_IGN)
        _ = Glibc.signal(SIGXFSZ, SIG_IGN)
    }
}
