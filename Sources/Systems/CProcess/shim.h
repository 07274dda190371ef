// Swift cannot call the variadic prctl(2), and its Glibc module lacks MCL_ONFAULT and RLIMIT_MEMLOCK.
#pragma once
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

// No core dumps and no debugger of the same user.
static inline int kbs_forbid_dumps(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

// Keeps used pages in memory, so that no secret is swapped out.
static inline int kbs_lock_memory(void) { return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT); }

static inline int kbs_has_no_memlock_limit(void) {
    struct rlimit limit;
    return getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY;
}
