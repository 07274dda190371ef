import CSEVGuest
import Glibc

/// Keeps what this process holds out of files: no core dumps, no debugger of the same user, no swap.
///
/// Best effort: a guest's memory is encrypted against the host in any case.
public enum ProcessHardening {
    public static func apply() {
        // A connection or child that goes away must be an error, not the end.
        signal(SIGPIPE, SIG_IGN)
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        _ = setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
        _ = kbs_forbid_dumps()
        // Under a limit for locked memory, later allocations would fail: only who has none locks.
        if geteuid() == 0 { _ = kbs_lock_memory() }
    }
}
