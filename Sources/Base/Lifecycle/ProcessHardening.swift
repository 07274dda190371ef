import CProcess
import Glibc

/// Keeps what this process holds in memory out of files and of other processes: no core dump, no debugger of the same user,
/// and no swap where memory may be locked.
public enum ProcessHardening {
    /// Call it first thing in `main`. Each part is best effort: a kernel that refuses one must not keep guests waiting.
    public static func apply() {
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        _ = setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
        _ = kbs_forbid_dumps()
        // Under a limit for locked memory, later allocations would fail: only who has none locks.
        if geteuid() == 0 || kbs_has_no_memlock_limit() != 0 { _ = kbs_lock_memory() }
    }
}
