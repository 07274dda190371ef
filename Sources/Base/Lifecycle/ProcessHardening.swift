import CProcess
import Glibc

/// Keeps the process's memory private: no core dump, no debugger of the same user, and no swap where memory may be locked.
public enum ProcessHardening {
    /// Call it first in `main`. Each part is best effort.
    public static func apply() {
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        _ = setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
        _ = kbs_forbid_dumps()
        // Under a limit for locked memory, later allocations would fail.
        if geteuid() == 0 || kbs_has_no_memlock_limit() != 0 { _ = kbs_lock_memory() }
    }
}
